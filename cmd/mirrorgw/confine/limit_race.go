//go:build race

package confine

// limitsMemory is off where the race detector is on, which takes more memory than any limit.
const limitsMemory = false
