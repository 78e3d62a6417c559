from multirrelu.agnostic import scale
