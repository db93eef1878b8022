// Package check judges a crash proof from what was written down while it ran: the journals of publisher, receiver and fault log.
// It must not know the hub, the network or the clock; whatever is not in the journals did not happen.
package check

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// What a line of a journal says.
const (
	OpEndpoint = "endpoint" // fault log: an endpoint and the kinds its condition lets through
	OpIntent   = "intent"   // publisher: about to publish
	OpResult   = "result"   // publisher: what came of it
	OpReceipt  = "receipt"  // receiver: a delivery arrived, and how it is about to be answered
	OpKill     = "kill"     // fault log: the hub was killed
	OpReady    = "ready"    // fault log: the hub runs again
	OpEnd      = "end"      // the last line: a journal without it was cut off
)

// Line is one thing that happened. Which fields are set depends on Op.
type Line struct {
	Seq int64  `json:"seq"`
	At  int64  `json:"at"` // Unix microseconds
	Op  string `json:"op"`

	Endpoint string   `json:"endpoint,omitempty"` // endpoint, receipt: its name
	Kinds    []string `json:"kinds,omitempty"`    // endpoint

	CallerID string `json:"caller_id,omitempty"` // intent, result
	Try      int    `json:"try,omitempty"`       // intent, result: from 1
	Kind     string `json:"kind,omitempty"`      // intent
	Event    string `json:"event,omitempty"`     // result: the id in the answer; receipt: webhook-id
	Error    string `json:"error,omitempty"`     // result: no answer came

	Status int    `json:"status,omitempty"` // result: as answered to us; receipt: as answered by us
	Digest string `json:"digest,omitempty"` // intent, receipt: of type, key and data

	Until   int64  `json:"until,omitempty"`   // kill: when the process was gone; At is just before the signal
	Open    int    `json:"open,omitempty"`    // kill: deliveries owed just before
	During  string `json:"during,omitempty"`  // kill: load, pause, resume
	Counted bool   `json:"counted,omitempty"` // kill: it met enough open deliveries

	Chain string `json:"chain"` // hash over the line before and this one
}

// seal gives the line its place after the one whose chain is before.
func (l Line) seal(before string) Line {
	l.Chain = ""
	text, _ := json.Marshal(l)
	sum := sha256.Sum256(append([]byte(before), text...))
	l.Chain = hex.EncodeToString(sum[:8])
	return l
}

// Digest is the form in which what was published and what arrived are compared. Each length goes first, so that no byte
// can move from one to the next.
func Digest(eventType, key string, data []byte) string {
	text := fmt.Appendf(nil, "%d %s %d %s ", len(eventType), eventType, len(key), key)
	sum := sha256.Sum256(append(text, data...))
	return hex.EncodeToString(sum[:16])
}

// Journal is written by a process that is never killed. Every line is in the operating system's hands before Write returns.
type Journal struct {
	mu    sync.Mutex
	out   io.WriteCloser
	seq   int64
	chain string
}

// Create begins a new journal.
func Create(name string) (*Journal, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	return &Journal{out: file}, nil
}

// Write adds one line, giving it its number, its chain and, when it has none, the time.
func (j *Journal) Write(line Line) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	line.Seq = j.seq
	if line.At == 0 {
		line.At = time.Now().UnixMicro()
	}
	line = line.seal(j.chain)
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if _, err := j.out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	j.chain = line.Chain
	return nil
}

// Close writes the closing line.
func (j *Journal) Close() error {
	if err := j.Write(Line{Op: OpEnd}); err != nil {
		return err
	}
	return j.out.Close()
}

// Read returns the lines of a whole journal, without the closing one, and refuses one that was altered or cut.
func Read(in io.Reader) ([]Line, error) {
	var lines []Line
	chain, ended := "", false
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 1<<20)
	for n := int64(1); scanner.Scan(); n++ {
		decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		decoder.DisallowUnknownFields()
		var line Line
		if err := decoder.Decode(&line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		text, _ := json.Marshal(line)
		switch {
		case ended:
			return nil, fmt.Errorf("line %d comes after the end", n)
		case line.Seq != n:
			return nil, fmt.Errorf("line %d has the number %d", n, line.Seq)
		case line.seal(chain).Chain != line.Chain, !bytes.Equal(text, scanner.Bytes()):
			return nil, fmt.Errorf("line %d was changed", n)
		}
		chain = line.Chain
		if line.Op == OpEnd {
			ended = true
			continue
		}
		lines = append(lines, line)
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if !ended {
		return nil, fmt.Errorf("the journal ends after line %d without its closing line", len(lines))
	}
	return lines, nil
}

// History is everything the judgement rests on.
type History struct {
	Publisher, Receiver, Faults []Line
}

// Names of the journals within a proof's directory.
const (
	PublisherJournal = "publisher.jsonl"
	ReceiverJournal  = "receiver.jsonl"
	FaultLog         = "faults.jsonl"
)

// ReadHistory reads the three journals of a proof's directory.
func ReadHistory(dir string) (History, error) {
	var h History
	for name, lines := range map[string]*[]Line{
		PublisherJournal: &h.Publisher,
		ReceiverJournal:  &h.Receiver,
		FaultLog:         &h.Faults,
	} {
		file, err := os.Open(dir + "/" + name)
		if err != nil {
			return h, err
		}
		*lines, err = Read(file)
		file.Close()
		if err != nil {
			return h, fmt.Errorf("%s: %w", name, err)
		}
	}
	return h, nil
}
