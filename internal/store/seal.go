package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hacek/internal/hub"
)

// KeySize is the length of the key that seals secrets.
const KeySize = 32

// LoadKey reads the key that seals secrets, and makes the file at the first start.
func LoadKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w", err)
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != KeySize {
		return nil, hub.Errorf(hub.Invalid, "%s does not hold a secret key", path).
			WithHint("It must be %d hexadecimal digits. Restore the file from where you keep it: without the right key the secrets in the database cannot be read.", 2*KeySize)
	}
	return key, nil
}

func makeKey(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	key := make([]byte, KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	// Written aside and linked into place, so that two nodes that start at once agree, and no half key is ever read.
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return LoadKey(path)
	} else if err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	return key, syncDir(filepath.Dir(path))
}

// sealer encrypts with AES-256-GCM. A sealed blob is the key's id, the nonce and the text; it opens only for the
// row it was sealed for.
type sealer struct {
	id   [4]byte
	aead cipher.AEAD
}

func newSealer(key []byte) (*sealer, error) {
	if len(key) == 0 {
		return &sealer{}, nil // nothing can be sealed or opened then
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("the secret key has %d bytes, %d are needed", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	sum := sha256.Sum256(append([]byte("hacek key id "), key...))
	return &sealer{id: [4]byte(sum[:4]), aead: aead}, nil
}

func (s *sealer) seal(text, row []byte) ([]byte, error) {
	if s.aead == nil {
		return nil, errors.New("no secret key was given")
	}
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	out := append(s.id[:len(s.id):len(s.id)], nonce...)
	return s.aead.Seal(out, nonce, text, row), nil
}

func (s *sealer) open(blob, row []byte) ([]byte, error) {
	if s.aead == nil {
		return nil, errors.New("no secret key was given")
	}
	n := len(s.id)
	if len(blob) < n+s.aead.NonceSize() {
		return nil, errors.New("sealed secrets are too short")
	}
	if !bytes.Equal(blob[:n], s.id[:]) {
		return nil, hub.Errorf(hub.Invalid, "the secrets were sealed with another key").
			WithHint("Start the hub with the key file that belongs to this database.")
	}
	nonce := blob[n : n+s.aead.NonceSize()]
	return s.aead.Open(nil, nonce, blob[n+len(nonce):], row)
}

// sealAll gathers every secret of some settings in one sealed blob; nil when there is none.
func (s *sealer) sealAll(settings hub.Secretive, id hub.ID) ([]byte, error) {
	plain := map[string]string{}
	for pointer, secret := range settings.Secrets() {
		if !secret.IsZero() {
			plain[pointer] = secret.Reveal()
		}
	}
	for pointer, headers := range settings.HeaderSecrets() {
		for name, secret := range headers {
			if !secret.IsZero() {
				plain[pointer+"/"+name] = secret.Reveal()
			}
		}
	}
	return s.sealTexts(plain, id)
}

// openAll puts the secrets back where the settings say "***".
func (s *sealer) openAll(settings hub.Secretive, id hub.ID, blob []byte) error {
	plain, err := s.openTexts(id, blob)
	if err != nil {
		return err
	}
	for pointer, secret := range settings.Secrets() {
		*secret = hub.NewSecret(plain[pointer])
	}
	for pointer, headers := range settings.HeaderSecrets() {
		for name := range headers {
			headers[name] = hub.NewSecret(plain[pointer+"/"+name])
		}
	}
	return nil
}

func (s *sealer) sealTexts(plain map[string]string, id hub.ID) ([]byte, error) {
	if len(plain) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	blob, err := s.seal(text, id[:])
	if err != nil {
		return nil, fmt.Errorf("seal secrets: %w", err)
	}
	return blob, nil
}

func (s *sealer) openTexts(id hub.ID, blob []byte) (map[string]string, error) {
	plain := map[string]string{}
	if len(blob) == 0 {
		return plain, nil
	}
	text, err := s.open(blob, id[:])
	if err != nil {
		return nil, fmt.Errorf("open secrets: %w", err)
	}
	if err := json.Unmarshal(text, &plain); err != nil {
		return nil, fmt.Errorf("open secrets: %w", err)
	}
	return plain, nil
}

// settingsJSON is a target's settings without their secrets, as stored.
func settingsJSON(t *hub.Target) (string, error) {
	text, err := json.Marshal(t.Settings())
	return string(text), err
}

// readSettings reads settingsJSON into a target that knows its kind.
func readSettings(t *hub.Target, text string) (err error) {
	if t.Kind == hub.KindPipeline {
		t.Pipeline = hub.Pipeline{}
		if err := json.Unmarshal([]byte(text), &t.Pipeline); err != nil {
			return fmt.Errorf("read stored settings: %w", err)
		}
		return nil
	}
	t.Endpoint, err = readEndpoint(text)
	return err
}

// readEndpoint reads an endpoint's settings; fields that were absent stay absent.
func readEndpoint(text string) (hub.Endpoint, error) {
	var e hub.Endpoint
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&e); err != nil {
		return e, fmt.Errorf("read stored settings: %w", err)
	}
	for _, raw := range []*json.RawMessage{&e.Preset, &e.Coalesce, &e.Batch, &e.Window, &e.ExpiresAfter} {
		if string(*raw) == "null" {
			*raw = nil
		}
	}
	return e, nil
}
