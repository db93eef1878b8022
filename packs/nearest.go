package packs

import "strings"

// nearest is the known name that takes the fewest edits. A name that holds a known one wins at once:
// whoever writes eshop-shoptet means shoptet.
func nearest(name string, known []string) string {
	name = strings.ToLower(name)
	best, fewest := "", -1
	for _, k := range known {
		if strings.Contains(name, k) {
			return k
		}
		if n := edits([]rune(name), []rune(k)); fewest < 0 || n < fewest {
			best, fewest = k, n
		}
	}
	return best
}

// edits counts the letters to insert, delete or replace (Levenshtein).
func edits(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
