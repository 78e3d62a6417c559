// The device code of CuPy's kernels, the preamble of each: read values and gate, draw, multiply and write, all in registers.
// It includes no header, so that no toolkit is needed. It is plain C++17 except for __device__ and __forceinline__, so that the tests
// can build it for the host.

namespace multirrelu {

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// The formats of an element: the type that stores it and the type that computes. Half precisions compute in float and are rounded once.

template <class T> struct Same {
    typedef T Stored;
    typedef T Wide;
    static __device__ __forceinline__ T widen(T x) { return x; }
    static __device__ __forceinline__ T narrow(T x) { return x; }
};

typedef Same<float> binary32;
typedef Same<double> binary64;

// NVIDIA's compiler defines the type in a header only, so that the conversions are instructions here; other compilers know the type.
struct binary16 {
    typedef unsigned short Stored;
    typedef float Wide;
#ifdef __CUDACC__
    static __device__ __forceinline__ float widen(Stored x) {
        float y;
        asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x));
        return y;
    }
    static __device__ __forceinline__ Stored narrow(float x) {
        Stored y;
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
        return y;
    }
#else
    static __device__ __forceinline__ float widen(Stored x) { return __builtin_bit_cast(_Float16, x); }
    static __device__ __forceinline__ Stored narrow(float x) {
#ifdef __AMDGCN__ // AMD's compiler could fuse the product and this conversion, and round once instead of twice
        asm("" : "+v"(x));
#endif
        return __builtin_bit_cast(Stored, (_Float16)x);
    }
#endif
};

// The upper half of a float, rounded in integers: devices before sm_80 have no instruction for it.
struct bfloat16 {
    typedef unsigned short Stored;
    typedef float Wide;
    static __device__ __forceinline__ float widen(Stored x) { return __uint_as_float((u32)x << 16); }
    static __device__ __forceinline__ Stored narrow(float x) {
        const u32 bits = __float_as_uint(x);
        const u32 nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16; // ties to even; rounding a NaN could overflow to a number
        return (Stored)(x == x ? nearest : 0x7FFF);
    }
};

// The parameters of a call's slopes. Points of the lattice are (low + k) * unit for k below span; where span is 0, unit is the slope.
struct Draw {
    u64 key;
    int low;
    u32 span;
    double unit;
};

// A key is an integer, or is in the device's memory, so that the host need not wait for it.
__device__ __forceinline__ u64 number(u64 key) { return key; }
template <class Array> __device__ __forceinline__ u64 number(const Array &key) { return key[0]; }

// Philox4x32-10: the four words of a counter.
__device__ __forceinline__ void philox(u64 counter, u64 key, u32 (&word)[4]) {
    u32 c0 = (u32)counter, c1 = (u32)(counter >> 32), c2 = 0, c3 = 0;
    u32 k0 = (u32)key, k1 = (u32)(key >> 32);
#ifdef __CUDACC__ // CuPy's loop runs once: hoisting the keys of all rounds out of it would take twenty registers
    asm volatile("" : "+r"(k0), "+r"(k1));
#endif
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

// The result for an element. One product is its only rounding, because slopes are exact in float.
template <class F>
__device__ __forceinline__ typename F::Stored scaled(typename F::Stored value, typename F::Stored gate, u32 word, const Draw &draw) {
    typedef typename F::Wide W;
    W slope = (W)draw.unit;
    if (draw.span) slope *= (W)(draw.low + (int)((u64)word * draw.span >> 32));
    const typename F::Stored product = F::narrow(F::widen(value) * slope);
    return F::widen(gate) <= 0 ? product : value;
}

// One element with any index, which takes a whole Philox block.
template <class F>
__device__ __forceinline__ typename F::Stored anywhere(typename F::Stored value, typename F::Stored gate, u64 index, const Draw &draw) {
    u32 word[4] = {};
    if (draw.span) philox(index >> 2, draw.key, word);
    const u32 lane = (u32)index & 3;
    return scaled<F>(value, gate, lane < 2 ? (lane == 0 ? word[0] : word[1]) : (lane == 2 ? word[2] : word[3]), draw);
}

// The unit that a thread moves at a time.
struct alignas(16) Wide16 {
    u32 of[4];
};

// Whether the three addresses, moved back by `skip` elements, are aligned for moves of 16 bytes.
template <class T> __device__ __forceinline__ bool aligned(const T *values, const T *gate, const T *out, u32 skip) {
    const u64 addresses[] = {(u64)values, (u64)gate, (u64)out}, before = skip * sizeof(T);
    return (((addresses[0] - before) | (addresses[1] - before) | (addresses[2] - before)) & 15) == 0;
}

// Consecutive elements with consecutive indices, which start at `index`: each thread scales the four elements of one Philox block, or
// of two blocks where an element has two bytes, so that it moves 16 bytes at a time. A thread reads only the elements that it writes, so
// that out may be values or gate.
template <class F, class T = typename F::Stored>
__device__ __forceinline__ void consecutive(
    const T *values, const T *gate, T *out, i64 length, i64 thread, u64 index, const Draw &draw) {
    const int BLOCKS = sizeof(T) < 4 ? 2 : 1, SIZE = 4 * BLOCKS, MOVES = SIZE * sizeof(T) / 16;
    union Group {
        Wide16 moved[MOVES];
        T of[SIZE];
    };
    const u32 skip = (u32)index & 3; // elements of the first block before the first index
    const i64 first = thread * SIZE - skip;
    const bool whole = aligned(values, gate, out, skip) && first >= 0 && first + SIZE <= length;
    Group v = {}, g = {};
    if (whole) {
#pragma unroll
        for (int at = 0; at < MOVES; ++at) {
            v.moved[at] = ((const Wide16 *)(values + first))[at];
            g.moved[at] = gate == values ? v.moved[at] : ((const Wide16 *)(gate + first))[at];
        }
    } else {
#pragma unroll
        for (int at = 0; at < SIZE; ++at)
            if (first + at >= 0 && first + at < length) {
                v.of[at] = values[first + at];
                g.of[at] = gate[first + at];
            }
    }
    u32 word[BLOCKS][4] = {};
    if (draw.span) {
#pragma unroll
        for (int block = 0; block < BLOCKS; ++block)
            philox(((index >> 2) + (u64)thread * BLOCKS + block) & 0x3FFFFFFFFFFFFFFFull, draw.key, word[block]);
    }
#pragma unroll
    for (int at = 0; at < SIZE; ++at) v.of[at] = scaled<F>(v.of[at], g.of[at], word[at / 4][at % 4], draw);
    if (whole) {
#pragma unroll
        for (int at = 0; at < MOVES; ++at) ((Wide16 *)(out + first))[at] = v.moved[at];
    } else {
#pragma unroll
        for (int at = 0; at < SIZE; ++at)
            if (first + at >= 0 && first + at < length) out[first + at] = v.of[at];
    }
}

} // namespace multirrelu
