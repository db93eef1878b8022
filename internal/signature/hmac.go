package signature

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// HMACForm is a signature as a receiver wants it: which hash, written how, over which text.
type HMACForm struct {
	Header    string // where it stands; only FromHMAC looks at it
	Algorithm string // sha1 | sha256 | sha512
	Encoding  string // hex | base64
	Prefix    string // such as "sha256="
	Signed    string // "#timestamp#.#body#"; "" is "#body#"
	Secret    string // the key is its bytes as they are written
}

// HMAC is a compiled form.
type HMAC struct {
	mac      *mac
	base64   bool
	prefix   string
	literals [][]byte // literals[i] stands before names[i]; one more stands last
	names    []string
}

// FormError says which field of a form is wrong.
type FormError struct{ Field, Detail string }

func (e *FormError) Error() string { return e.Field + " " + e.Detail }

var variables = []string{"body", "timestamp", "id", "url", "method"}

// NewHMAC checks and compiles a form. No error repeats the secret.
func NewHMAC(f HMACForm) (*HMAC, error) {
	algorithms := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New, "": sha256.New}
	algorithm, ok := algorithms[f.Algorithm]
	switch {
	case !ok:
		return nil, &FormError{"algorithm", fmt.Sprintf("%q is not known: write sha1, sha256 or sha512", f.Algorithm)}
	case f.Encoding != "hex" && f.Encoding != "base64" && f.Encoding != "":
		return nil, &FormError{"encoding", fmt.Sprintf("%q is not known: write hex or base64", f.Encoding)}
	case f.Secret == "":
		return nil, &FormError{"secret", "is missing"}
	case strings.ContainsFunc(f.Prefix, func(r rune) bool { return r < ' ' || r > '~' }):
		return nil, &FormError{"prefix", "may hold only printable ASCII characters"}
	}
	h := &HMAC{mac: newMAC(algorithm, []byte(f.Secret)), base64: f.Encoding == "base64", prefix: f.Prefix}
	signed := f.Signed
	if signed == "" {
		signed = "#body#"
	}
	if err := h.parse(signed); err != nil {
		return nil, err
	}
	return h, nil
}

// parse splits the text at its variables. A # that begins no variable stands for itself.
func (h *HMAC) parse(signed string) error {
	var literal []byte
	hasBody := false
	for signed != "" {
		if rest, ok := strings.CutPrefix(signed, "##"); ok {
			literal, signed = append(literal, '#'), rest
			continue
		}
		if name, rest, ok := cutVariable(signed); ok {
			if !known(name) {
				return &FormError{"signed", fmt.Sprintf("#%s# is not known: #body#, #timestamp#, #id#, #url# and #method# are", name)}
			}
			hasBody = hasBody || name == "body"
			h.literals, h.names = append(h.literals, literal), append(h.names, name)
			literal, signed = nil, rest
			continue
		}
		literal, signed = append(literal, signed[0]), signed[1:]
	}
	h.literals = append(h.literals, literal)
	if !hasBody {
		return &FormError{"signed", "does not contain #body#: whoever changed the content would not be noticed"}
	}
	return nil
}

func cutVariable(text string) (name, rest string, ok bool) {
	if text[0] != '#' {
		return "", "", false
	}
	end := strings.IndexByte(text[1:], '#')
	if end < 1 {
		return "", "", false
	}
	name = text[1 : 1+end]
	for i := range len(name) {
		if c := name[i] | 0x20; c < 'a' || c > 'z' {
			return "", "", false
		}
	}
	return name, text[2+end:], true
}

func known(name string) bool {
	for _, v := range variables {
		if v == name {
			return true
		}
	}
	return false
}

// AppendSignature appends the header's value.
func (h *HMAC) AppendSignature(dst []byte, m Message) []byte {
	var partsRoom [11][]byte
	parts := partsRoom[:0]
	for i, name := range h.names {
		parts = append(parts, h.literals[i], m.variable(name))
	}
	parts = append(parts, h.literals[len(h.names)])
	var room [sha512.Size]byte
	sum := h.mac.sum(room[:0], parts...)
	dst = append(dst, h.prefix...)
	if h.base64 {
		return base64.StdEncoding.AppendEncode(dst, sum)
	}
	return hex.AppendEncode(dst, sum)
}

func (m Message) variable(name string) []byte {
	switch name {
	case "body":
		return m.Body
	case "timestamp":
		return strconv.AppendInt(nil, m.Time, 10)
	case "id":
		return []byte(m.ID)
	case "url":
		return []byte(m.URL)
	}
	return []byte(m.Method)
}
