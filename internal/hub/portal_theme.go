package hub

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
)

// colour is red, green and blue from 0 to 255.
type colour [3]float64

// The colours of the style sheet that a tenant's own stand beside; a test holds them against it.
var (
	ourAccent = colour{0x0d, 0x60, 0x73}
	ourPaper  = colour{0xfa, 0xf9, 0xf6}
	surface   = colour{0xff, 0xff, 0xff}
	ink       = colour{0x20, 0x1e, 0x1a}
	palestInk = colour{0x6a, 0x64, 0x59} // the weakest text there is
	nightly   = colour{0x1c, 0x1b, 0x18} // the surface by night
	nightTop  = colour{0x26, 0x24, 0x1f} // the lightest ground by night
	white     = colour{255, 255, 255}
	black     = colour{}
)

// readable is the contrast that text needs (WCAG 2.2, AA).
const readable = 4.5

func parseColour(text string) (colour, bool) {
	digits, found := strings.CutPrefix(text, "#")
	b, err := hex.DecodeString(digits)
	if !found || err != nil || len(b) != 3 {
		return colour{}, false
	}
	return colour{float64(b[0]), float64(b[1]), float64(b[2])}, true
}

func (c colour) String() string {
	return fmt.Sprintf("#%02x%02x%02x", uint8(math.Round(c[0])), uint8(math.Round(c[1])), uint8(math.Round(c[2])))
}

// towards mixes a part of another colour in.
func (c colour) towards(other colour, part float64) colour {
	for i := range c {
		c[i] += (other[i] - c[i]) * part
	}
	return c
}

func (c colour) luminance() float64 {
	var parts [3]float64
	for i, v := range c {
		if v /= 255; v <= 0.04045 {
			parts[i] = v / 12.92
		} else {
			parts[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*parts[0] + 0.7152*parts[1] + 0.0722*parts[2]
}

func (c colour) contrast(other colour) float64 {
	a, b := c.luminance(), other.luminance()
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

// until mixes in as much of another colour as a contrast needs, in steps.
func (c colour) until(other, against colour, least float64) colour {
	for part := 0.0; part <= 1; part += 0.04 {
		if mixed := c.towards(other, part); mixed.contrast(against) >= least {
			return mixed
		}
	}
	return other
}

// The grounds that follow from a tenant's paper.
func sunken(paper colour) colour  { return paper.towards(ink, 0.03) }
func hovered(paper colour) colour { return paper.towards(ink, 0.04) }

// chosen are the tenant's colours, ours where there are none, and whether they can be read.
func (c *PortalColours) chosen() (accent, paper colour, accentOK, paperOK bool) {
	accent, paper, accentOK, paperOK = ourAccent, ourPaper, true, true
	if c.Accent != nil {
		accent, accentOK = parseColour(*c.Accent)
	}
	if c.Paper != nil {
		paper, paperOK = parseColour(*c.Paper)
	}
	return accent, paper, accentOK, paperOK
}

func (p *Portal) validateColours(wrong *Problems, at string) {
	accent, paper, accentOK, paperOK := p.Colours.chosen()
	if !accentOK {
		wrong.Add(at+"/accent", "is no colour such as #0d6073")
	}
	if !paperOK {
		wrong.Add(at+"/paper", "is no colour such as #faf9f6")
	}
	if !accentOK || !paperOK {
		return
	}
	if ratio := hovered(paper).contrast(palestInk); ratio < readable {
		wrong.Add(at+"/paper", "text on it has a contrast of %.1f:1; at least %.1f:1 is needed, so choose a lighter colour", ratio, readable)
		return
	}
	if ratio := min(accent.contrast(hovered(paper)), accent.contrast(surface)); ratio < readable {
		wrong.Add(at+"/accent", "has a contrast of %.1f:1 with the page; at least %.1f:1 is needed, so choose a darker colour", ratio, readable)
	}
}

// Theme is the style sheet of a tenant's colours, by day and by night, "" when they are ours.
func (p *Portal) Theme() string {
	var wrong Problems
	if p.Colours.Accent == nil && p.Colours.Paper == nil {
		return ""
	}
	if p.validateColours(&wrong, ""); len(wrong) > 0 {
		return "" // stored before a rule was made stricter
	}
	accent, paper, _, _ := p.Colours.chosen()
	bright := accent.until(white, nightTop, 6.5)
	tokens := []struct {
		name       string
		day, night colour
	}{
		{"accent", accent, bright},
		{"accent-strong", accent.towards(black, 0.22), bright.towards(white, 0.25)},
		{"accent-ink", white, black.towards(accent, 0.25).until(black, bright, readable)},
		{"accent-soft", surface.towards(accent, 0.11).until(white, accent, readable), nightly.towards(bright, 0.14).until(black, bright, readable)},
		{"accent-mid", accent.towards(white, 0.35), nightly.towards(bright, 0.55)},
	}
	var b strings.Builder
	b.WriteString(":root {\n")
	for _, t := range tokens {
		fmt.Fprintf(&b, "  --%s: light-dark(%s, %s);\n", t.name, t.day, t.night)
	}
	if p.Colours.Paper != nil {
		fmt.Fprintf(&b, "  --paper: light-dark(%s, #151412);\n", paper)
		fmt.Fprintf(&b, "  --sunken: light-dark(%s, #12110f);\n", sunken(paper))
		fmt.Fprintf(&b, "  --hover: light-dark(%s, #26241f);\n", hovered(paper))
	}
	b.WriteString("}\n")
	return b.String()
}
