package marked

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestAPlantedSecretIsFoundInEveryForm(t *testing.T) {
	for before := range 4 {
		secret := []byte("abc"[:min(before, 3)] + "planted" + strings.Repeat("z", before))
		for name, text := range map[string]string{
			"plain": string(secret), "hex": hex.EncodeToString(secret), "base64": base64.StdEncoding.EncodeToString(secret),
			"base64 for addresses": base64.RawURLEncoding.EncodeToString(secret),
		} {
			if In([]byte("before "+text+" behind")) == "" {
				t.Errorf("%s: not found in %s", name, text)
			}
		}
	}
	for _, innocent := range []string{"", "plant", "a planed board", "TestRule18_PlantedSecrets", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		if found := In([]byte(innocent)); found != "" {
			t.Errorf("%q: found %q", innocent, found)
		}
	}
}

// told is a test that writes down what it is told.
type told struct {
	testing.TB
	failed, logged []string
}

func (t *told) Errorf(format string, args ...any) {
	t.failed = append(t.failed, fmt.Sprintf(format, args...))
}
func (t *told) Logf(format string, args ...any) {
	t.logged = append(t.logged, fmt.Sprintf(format, args...))
}

func TestTheLogIsSearchedAtEveryLevel(t *testing.T) {
	var test told
	log := Logger(&test, slog.LevelWarn)
	log.Debug("quiet")
	log.Info("quiet too")
	log.Warn("heard")
	log.Error("heard too")
	if len(test.failed) != 0 || len(test.logged) != 2 {
		t.Errorf("failed %q, logged %q", test.failed, test.logged)
	}
	log.Debug("x", "password", Mark+"-1")
	if len(test.failed) != 1 || len(test.logged) != 2 {
		t.Errorf("failed %q, logged %q", test.failed, test.logged)
	}
}
