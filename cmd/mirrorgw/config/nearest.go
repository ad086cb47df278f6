package config

// Nearest returns the candidate closest to word by edit distance, or "" when none is close enough to be meant.
func Nearest(word string, candidates []string) string {
	const longest = 32 // no key is longer; keeps the work small whatever the file holds
	if len(word) > longest {
		return ""
	}
	best, found := 1+len(word)/3, ""
	for _, c := range candidates {
		if d := distance(word, c); d < best || d == best && found == "" {
			best, found = d, c
		}
	}
	return found
}

// distance counts the single-octet edits that make b of a, the swap of two neighbours being one (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
