package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestScriptsAndStylesComeCompressedToWhoAsks(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	plain := b.get("/static/hacek.css", "Accept-Encoding", "identity").want(http.StatusOK)
	packed := b.get("/static/hacek.css", "Accept-Encoding", "gzip, br").want(http.StatusOK)
	if got := packed.header.Get("Content-Encoding"); got != "gzip" || plain.header.Get("Content-Encoding") != "" {
		t.Fatalf("the encoding is %q, and %q for who takes none", got, plain.header.Get("Content-Encoding"))
	}
	reader, err := gzip.NewReader(strings.NewReader(packed.text))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(reader)
	if err != nil || string(unpacked) != plain.text || len(packed.text) > len(plain.text)/2 {
		t.Errorf("%d bytes came, unpacked %d of %d: %v", len(packed.text), len(unpacked), len(plain.text), err)
	}
	for _, p := range []page{plain, packed} {
		if p.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("a store between may give it to who cannot read it: Vary is %q", p.header.Get("Vary"))
		}
	}
	if again := b.get("/static/hacek.css", "Accept-Encoding", "gzip", "If-None-Match", packed.header.Get("ETag")).want(http.StatusNotModified); again.text != "" {
		t.Errorf("it came again: %d bytes", len(again.text))
	}
}
