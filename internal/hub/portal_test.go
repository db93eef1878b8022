package hub

import (
	"encoding/base64"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestRule17_FrameOriginsAreOnlyOrigins(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://app.example": true, "https://app.example:8443": true, "http://localhost:3000": true, "http://127.0.0.1": true,
		"http://app.example": false, "https://*.example": false, "*": false, "'self'": false, "'unsafe-inline'": false, "data:": false,
		"https://app.example/path": false, "https://a@app.example": false, "https://app.example;script-src": false, "https://a b": false,
		"https://app.example,https://b": false, "https://[::1]": false, "https://": false, "https://app.example:": false, "https://app.example?x": false, "HTTPS://x": false,
	} {
		if got := frameOrigin(origin); got != want {
			t.Errorf("%q is an origin: %t, want %t", origin, got, want)
		}
		p := Portal{FrameAncestors: []string{origin}}
		var wrong Problems
		if p.Validate(&wrong, ""); (len(wrong) == 0) != want {
			t.Errorf("a portal that %q may frame: %v", origin, wrong)
		}
	}
}

func TestLogosAreImagesOfThreeKinds(t *testing.T) {
	uri := func(media, content string) string {
		return "data:" + media + ";base64," + base64.StdEncoding.EncodeToString([]byte(content))
	}
	png, webp := "\x89PNG\r\n\x1a\n....", "RIFF....WEBPVP8 "
	for text, want := range map[string]bool{
		uri("image/png", png): true, uri("image/jpeg", "\xff\xd8\xff...."): true, uri("image/webp", webp): true,
		uri("image/png", webp): false, uri("image/svg+xml", "<svg onload=alert(1)/>"): false, uri("image/png", "<svg/>"): false,
		uri("text/html", png): false, "https://app.example/logo.png": false, "data:image/png," + png: false, "data:image/png;base64,%%": false,
		uri("image/png", png+strings.Repeat("x", MaxLogo)): false,
	} {
		if _, _, err := ReadLogo(text); (err == nil) != want {
			t.Errorf("%.60q is a logo: %v, want %t", text, err, want)
		}
	}
}

// Whatever accent and paper are accepted, every pair of colours that the theme makes can be read, by day and by night.
func TestEveryThemeCanBeRead(t *testing.T) {
	steps := []string{"00", "33", "66", "88", "99", "cc", "ee", "ff"}
	accepted := 0
	for _, r := range steps {
		for _, g := range steps {
			for _, b := range steps {
				for _, paper := range []string{"#faf9f6", "#ffffff", "#e8f4ff", "#aab4be", "#" + r + g + b} {
					accent := "#" + r + g + b
					p := Portal{Colours: PortalColours{Accent: &accent, Paper: &paper}}
					var wrong Problems
					if p.validateColours(&wrong, ""); len(wrong) > 0 {
						continue
					}
					accepted++
					checkTheme(t, p.Theme(), accent+" on "+paper)
				}
			}
		}
	}
	if accepted < 100 {
		t.Errorf("%d themes were accepted", accepted)
	}
}

func checkTheme(t *testing.T, css, name string) {
	t.Helper()
	day, night := map[string]colour{"surface": surface}, map[string]colour{"surface": nightly}
	for _, found := range regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindAllStringSubmatch(css, -1) {
		day[found[1]], _ = parseColour(found[2])
		night[found[1]], _ = parseColour(found[3])
	}
	for _, ground := range []string{"paper", "hover", "sunken"} {
		if ratio := palestInk.contrast(day[ground]); ratio < readable {
			t.Errorf("%s: the palest text on %s has %.2f:1", name, ground, ratio)
		}
	}
	for when, c := range map[string]map[string]colour{"by day": day, "by night": night} {
		for _, pair := range [][2]string{
			{"accent", "paper"}, {"accent", "surface"}, {"accent", "hover"}, {"accent", "sunken"}, {"accent-strong", "surface"}, {"accent-strong", "paper"},
			{"accent-ink", "accent"}, {"accent-ink", "accent-strong"}, {"accent", "accent-soft"}, {"accent-strong", "accent-soft"},
		} {
			if ratio := c[pair[0]].contrast(c[pair[1]]); ratio < readable-0.02 {
				t.Errorf("%s, %s: %s on %s has %.2f:1", name, when, pair[0], pair[1], ratio)
			}
		}
	}
}

// The colours that a theme is measured against are those of the style sheet.
func TestThemesStandBesideTheStyleSheet(t *testing.T) {
	css, err := os.ReadFile("../web/static/hacek.css")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]colour{"accent": ourAccent, "paper": ourPaper, "surface": surface, "ink": ink, "ink-3": palestInk} {
		if want := "--" + name + ": light-dark(" + c.String() + ","; !strings.Contains(string(css), want) {
			t.Errorf("the style sheet has no %s", want)
		}
	}
	for name, c := range map[string]colour{"surface": nightly, "hover": nightTop} {
		if !regexp.MustCompile(`--` + name + `: light-dark\(#[0-9a-f]+, ` + c.String() + `\)`).Match(css) {
			t.Errorf("by night, %s is not %s", name, c)
		}
	}
}
