package support

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"hacek/internal/hub"
)

// shortest is the least length of a secret that is looked for in text: a shorter one stands in ordinary words too.
// Where it is a field of its own it reads *** all the same.
const shortest = 6

// keys of ours look the same everywhere; only their digests are stored, so they cannot be looked for one by one.
var ourKeys = regexp.MustCompile(`\b(hk_|whsec_|whsk_)[A-Za-z0-9_+/=-]{8,}`)

// keyword is the password in the other form that an address of a database has.
var keyword = regexp.MustCompile(`(?i)\bpassword\s*=\s*('(?:[^'\\]|\\.)*'|\S+)`)

// mask takes known secrets out of text that others wrote: what a server answered, what an error repeats. It is the
// second line; the first is that a secret is never written.
type mask struct{ secrets *strings.Replacer }

func newMask(secrets []hub.Secret) mask {
	seen := map[string]bool{}
	hide := func(text string) {
		if len(text) >= shortest {
			seen[text] = true
		}
	}
	for _, secret := range secrets {
		for _, text := range within(secret.Reveal()) {
			hide(text)
			hide(url.QueryEscape(text))
			hide(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
			hide(url.PathEscape(text))
			hide(base64.StdEncoding.EncodeToString([]byte(text)))
			for form, level := text, 0; level < 2; level++ { // in JSON, and in JSON that stands in a line of JSON
				quoted, err := json.Marshal(form)
				if err != nil {
					break
				}
				form = string(quoted[1 : len(quoted)-1])
				hide(form)
			}
		}
	}
	// Of two that begin alike the longer one is to be found, or its end would be left.
	texts := slices.SortedFunc(maps.Keys(seen), func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, text := range texts {
		pairs = append(pairs, text, hub.Masked)
	}
	return mask{strings.NewReplacer(pairs...)}
}

// within is a secret and the parts of it that are secret by themselves: the password in the address of a server.
func within(secret string) []string {
	all := []string{secret}
	for _, found := range keyword.FindAllStringSubmatch(secret, -1) {
		all = append(all, strings.Trim(found[1], "'"))
	}
	before, _, found := cutLast(secret, "@")
	if !found {
		return all
	}
	if _, rest, is := strings.Cut(before, "://"); is {
		before = rest
	}
	if _, password, is := strings.Cut(before, ":"); is {
		all = append(all, before, password)
		if plain, err := url.PathUnescape(password); err == nil {
			all = append(all, plain)
		}
	}
	return all
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

func (m mask) text(text string) string {
	if text = m.secrets.Replace(text); !strings.Contains(text, "hk_") && !strings.Contains(text, "whs") {
		return text // the search by pattern is slow
	}
	return ourKeys.ReplaceAllString(text, hub.Masked)
}
