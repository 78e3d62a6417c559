// The CUDA kernels: read values and gate, draw, multiply and write, all in registers. NVRTC compiles this file as it is; it includes
// nothing, so that no toolkit need be installed, and a C++ compiler for the host builds it too, for the tests.

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// What an element is stored in, and what it computes in. Half precisions compute in float and are rounded once.

struct binary16 {
    unsigned short bits;
};

struct bfloat16 {
    unsigned short bits;
};

template <class T> struct Wide {
    typedef T type;
    static __device__ __forceinline__ T widen(T x) { return x; }
    static __device__ __forceinline__ T narrow(T x) { return x; }
};

template <> struct Wide<binary16> {
    typedef float type;
#ifdef __CUDACC__
    static __device__ __forceinline__ float widen(binary16 x) {
        float y;
        asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
        return y;
    }
    static __device__ __forceinline__ binary16 narrow(float x) {
        binary16 y;
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
        return y;
    }
#else
    static float widen(binary16 x) { return host_widen(x.bits); }
    static binary16 narrow(float x) { return binary16{host_narrow(x)}; }
#endif
};

// The upper half of a float, rounded to in integers: devices before sm_80 have no instruction for it.
template <> struct Wide<bfloat16> {
    typedef float type;
    static __device__ __forceinline__ float widen(bfloat16 x) { return __uint_as_float((u32)x.bits << 16); }
    static __device__ __forceinline__ bfloat16 narrow(float x) {
        const u32 bits = __float_as_uint(x);
        const u32 nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16; // and ties to even; a NaN could overflow to a number
        return bfloat16{(unsigned short)(x == x ? nearest : 0x7FFF)};
    }
};

// How the slopes of a call are made. Points of the lattice are (low + k) * unit for k below span; where span is 0, unit is the slope.

struct Draw {
    u64 key;
    int low;
    u32 span;
    double unit;
};

// Philox4x32-10: the four words of a counter.
__device__ __forceinline__ void philox(u64 counter, u64 key, u32 (&word)[4]) {
    u32 c0 = (u32)counter, c1 = (u32)(counter >> 32), c2 = 0, c3 = 0;
    u32 k0 = (u32)key, k1 = (u32)(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        u64 p0 = (u64)c0 * 0xD2511F53u, p1 = (u64)c2 * 0xCD9E8D57u;
        c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
        c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
        c1 = (u32)p1;
        c3 = (u32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

// The value of an element: its only rounding is that of one product, for slopes are exact in float.
template <class T> __device__ __forceinline__ T scaled(T value, T gate, u32 word, const Draw &draw) {
    typedef typename Wide<T>::type W;
    W slope = (W)draw.unit;
    if (draw.span) slope *= (W)(draw.low + (int)((u64)word * draw.span >> 32));
    T product = Wide<T>::narrow(Wide<T>::widen(value) * slope);
    return Wide<T>::widen(gate) <= 0 ? product : value;
}

__device__ __forceinline__ u64 thread() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

// Consecutive elements with consecutive indices: each thread has the four elements of one Philox block, or of two where an element
// has two bytes, so that it moves 16 bytes at a time. The first element is word number `skip` of the block `counter`. `wide` says
// that 16 bytes are aligned in all three arrays. A thread reads what it writes, and no other's: out may be values or gate.
template <class T>
__device__ __forceinline__ void consecutive(
    const T *values, const T *gate, T *out, u64 length, u64 counter, u32 skip, u32 wide, const Draw &draw) {
    const int BLOCKS = sizeof(T) < 4 ? 2 : 1, SIZE = 4 * BLOCKS, MOVES = SIZE * sizeof(T) / 16;
    union Group {
        uint4 moved[MOVES];
        T of[SIZE];
    };
    const u64 number = thread();
    const i64 first = (i64)(number * SIZE) - (i64)skip;
    if (first >= (i64)length) return;
    const bool whole = wide && first >= 0 && first + SIZE <= (i64)length;
    Group v = {}, g = {};
    if (whole) {
#pragma unroll
        for (int at = 0; at < MOVES; ++at) {
            v.moved[at] = ((const uint4 *)(values + first))[at];
            g.moved[at] = gate == values ? v.moved[at] : ((const uint4 *)(gate + first))[at];
        }
    } else {
#pragma unroll
        for (int at = 0; at < SIZE; ++at)
            if (first + at >= 0 && first + at < (i64)length) {
                v.of[at] = values[first + at];
                g.of[at] = gate[first + at];
            }
    }
    u32 word[BLOCKS][4] = {};
    if (draw.span) {
#pragma unroll
        for (int block = 0; block < BLOCKS; ++block)
            philox((counter + number * BLOCKS + block) & 0x3FFFFFFFFFFFFFFFull, draw.key, word[block]);
    }
#pragma unroll
    for (int at = 0; at < SIZE; ++at) v.of[at] = scaled(v.of[at], g.of[at], word[at / 4][at % 4], draw);
    if (whole) {
#pragma unroll
        for (int at = 0; at < MOVES; ++at) ((uint4 *)(out + first))[at] = v.moved[at];
    } else {
#pragma unroll
        for (int at = 0; at < SIZE; ++at)
            if (first + at >= 0 && first + at < (i64)length) out[first + at] = v.of[at];
    }
}

// An axis: its length, and its steps in values, gate and out (in bytes) and in the index.
struct Axis {
    u64 length;
    i64 values, gate, out, index;
};

// Elements wherever they lie and whatever their indices are: each thread has one, and makes a Philox block for it.
template <class T>
__device__ __forceinline__ void anywhere(
    const char *values, const char *gate, char *out, u64 elements, u64 index, u32 count, const Axis (&axes)[6], const Draw &draw) {
    u64 rest = thread();
    if (rest >= elements) return;
    const bool small = elements >> 32 == 0; // 32 bits divide several times as fast as 64
#pragma unroll
    for (int number = 5; number >= 0; --number)
        if (number < (int)count) {
            const Axis &axis = axes[number];
            const u64 above = small ? (u64)((u32)rest / (u32)axis.length) : rest / axis.length;
            const i64 at = (i64)(rest - above * axis.length);
            values += at * axis.values;
            gate += at * axis.gate;
            out += at * axis.out;
            index += (u64)at * (u64)axis.index;
            rest = above;
        }
    u32 word[4] = {};
    if (draw.span) philox(index >> 2, draw.key, word);
    const u32 lane = (u32)index & 3;
    const u32 own = lane < 2 ? (lane == 0 ? word[0] : word[1]) : (lane == 2 ? word[2] : word[3]);
    *(T *)out = scaled(*(const T *)values, *(const T *)gate, own, draw);
}

// A key is an integer, or lies in the device's memory, where the host need not wait for it.

#define DRAW const u64 *key_at, u64 key, int low, u32 span, double unit
#define AXIS(n) u64 length##n, i64 values##n, i64 gate##n, i64 out##n, i64 index##n
#define AS_AXIS(n) {length##n, values##n, gate##n, out##n, index##n}

#define KERNELS(NAME, T)                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) consecutive_##NAME(                                                             \
        const T *values, const T *gate, T *out, u64 length, u64 counter, u32 skip, u32 wide, DRAW) {                                  \
        const Draw draw = {key_at ? *key_at : key, low, span, unit};                                                                  \
        consecutive<T>(values, gate, out, length, counter, skip, wide, draw);                                                         \
    }                                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(256) anywhere_##NAME(                                                                \
        const char *values, const char *gate, char *out, u64 elements, u64 index, u32 count, AXIS(0), AXIS(1), AXIS(2), AXIS(3),      \
        AXIS(4), AXIS(5), DRAW) {                                                                                                     \
        const Draw draw = {key_at ? *key_at : key, low, span, unit};                                                                  \
        const Axis axes[6] = {AS_AXIS(0), AS_AXIS(1), AS_AXIS(2), AS_AXIS(3), AS_AXIS(4), AS_AXIS(5)};                                \
        anywhere<T>(values, gate, out, elements, index, count, axes, draw);                                                           \
    }

KERNELS(float16, binary16)
KERNELS(bfloat16, bfloat16)
KERNELS(float32, float)
KERNELS(float64, double)
