package support

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const (
	deliveryLines = 500
	deliveryTail  = 32 << 20 // of the file, in bytes
)

// deliveries writes the newest lines of the delivery log. What was sent and answered stands in them as a size only:
// people's data is nothing that support needs.
func (b *Bundle) deliveries(w *writer) error {
	lines, err := tail(b.DeliveryLog)
	if err != nil {
		lines = []string{fmt.Sprintf(`{"note":%q}`, "the delivery log could not be read: "+err.Error())}
	}
	for i, line := range lines {
		lines[i] = withoutBodies(line)
	}
	return w.lines("logs/deliveries.jsonl", "newest lines of the delivery log", lines)
}

// tail reads the last lines of a file; none where there is no file yet.
func tail(name string) ([]string, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	from := max(0, end-deliveryTail)
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	var lines []string
	scan := bufio.NewScanner(io.LimitReader(f, deliveryTail))
	scan.Buffer(nil, deliveryTail)
	for first := true; scan.Scan(); first = false {
		if first && from > 0 {
			continue // the rest of a line
		}
		lines = append(lines, scan.Text())
		if len(lines) > 2*deliveryLines {
			lines = append(lines[:0], lines[deliveryLines:]...)
		}
	}
	return lines[max(0, len(lines)-deliveryLines):], scan.Err()
}

// withoutBodies gives what was sent and answered by its size. A line that cannot be read is not passed on.
func withoutBodies(line string) string {
	var record map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		return `{"note":"a line that cannot be read is left out"}`
	}
	for _, side := range []string{"request", "response"} {
		var part map[string]json.RawMessage
		if json.Unmarshal(record[side], &part) != nil || part == nil {
			continue
		}
		for _, body := range []string{"body", "body_base64"} {
			var text string
			if json.Unmarshal(part[body], &text) == nil && part[body] != nil {
				part[body] = json.RawMessage(fmt.Sprintf(`"(%d bytes)"`, len(text)))
			}
		}
		if raw, err := json.Marshal(part); err == nil {
			record[side] = raw
		}
	}
	raw, err := json.Marshal(record)
	if err != nil {
		return `{"note":"a line that cannot be read is left out"}`
	}
	return string(raw)
}
