//go:build !race

package confine

// limitsMemory says that a worker has its memory limited.
const limitsMemory = true
