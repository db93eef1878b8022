package expr

import (
	"errors"
	"strconv"
	"strings"
)

// segment is one step of a path; index is -1 unless the step can also mean a place in a list.
type segment struct {
	name  string
	index int
}

// parsePath reads `a.b[0].c` and `a.0.c`.
func parsePath(path string) ([]segment, error) {
	var segments []segment
	for _, part := range strings.Split(path, ".") {
		name, rest, bracket := strings.Cut(part, "[")
		if name == "" && (!bracket || len(segments) == 0) {
			return nil, errors.New("a name is missing beside a point")
		}
		if name != "" {
			segments = append(segments, segment{name, listIndex(name)})
		}
		for bracket {
			var digits string
			var closed bool
			digits, rest, closed = strings.Cut(rest, "]")
			n := listIndex(digits)
			if !closed || n < 0 {
				return nil, errors.New("square brackets hold a place in a list, such as [0]")
			}
			segments = append(segments, segment{digits, n})
			if rest == "" {
				break
			}
			if rest[0] != '[' {
				return nil, errors.New("after ] comes a point or another [")
			}
			rest = rest[1:]
		}
		if !bracket && strings.Contains(part, "]") {
			return nil, errors.New("a ] without its [")
		}
	}
	return segments, nil
}

func listIndex(digits string) int {
	if digits == "" || digits[0] < '0' || digits[0] > '9' {
		return -1
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

// step goes one segment down. Names of headers are found in whatever case they are written.
func (v Value) step(s segment) (Value, bool) {
	if v.kind == Array && s.index >= 0 {
		return v.Index(s.index)
	}
	return v.Field(s.name)
}

func (v Value) follow(segments []segment) (Value, bool) {
	found := v.kind != Absent
	for _, s := range segments {
		if v, found = v.step(s); !found {
			return Value{}, false
		}
	}
	return v, found
}
