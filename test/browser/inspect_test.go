package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// assets is where npm puts the packages of `make assets`.
const assets = "../../internal/web/assets/node_modules/"

// shots is where the screenshots are kept.
const shots = "shots"

// inspected has the names of what was looked at: a journey in its second language does not look again.
var inspected sync.Map

// inspect has axe look for what keeps people from using the page, sees that it fits, narrow too, and keeps a screenshot. On
// a walk over all pages it does so in light and dark, in English and German, and keeps a screenshot of each; `make pages`
// does that in every story, and has axe look at the narrow page, too. It leaves the window at the same address, in the
// language it had.
func (w *window) inspect(name, language string) {
	w.Helper()
	if _, done := inspected.LoadOrStore(name, true); done {
		return
	}
	w.arrive()
	axe, err := os.ReadFile(assets + "axe-core/axe.min.js")
	if err != nil {
		missing(w.T, "axe-core (make assets)")
	}
	// What a theme changes is colours, and what width changes is all but colours; longer words change what fits.
	const colours, others = `{runOnly: ["color-contrast", "link-in-text-block"]`, `{rules: {"color-contrast": {enabled: false}}, runOnly: ` + rules
	w.do(look("light", 1280))
	w.audit(name+" light", string(axe), `{runOnly: `+rules)
	w.keep(name + "-light")
	if !w.walks && !allPages() {
		w.do(look("light", 360))
		w.fits(name + " 360")
		w.do(look("light", 1280))
		return
	}
	w.do(look("dark", 1280))
	w.audit(name+" dark", "", colours)
	w.keep(name + "-dark")
	w.do(look("light", 360))
	if allPages() {
		w.audit(name+" 360", "", others)
	}
	w.fits(name + " 360")
	w.keep(name + "-360")
	w.inGerman(func() {
		w.fits(name + " German 360")
		w.do(look("light", 1280))
		w.fits(name + " German")
		w.keep(name + "-de")
	}, language)
}

// allPages is `make pages`.
func allPages() bool { return os.Getenv("HACEK_PAGES") == "all" }

// inGerman reloads the page in German, and afterwards as it was, unless the window walks on. Who has chosen a language
// chooses German in the menu.
func (w *window) inGerman(do func(), language string) {
	w.Helper()
	w.do(speak("de"), chromedp.Reload())
	chosen := w.ask(`document.documentElement.lang !== "de"`) == "true"
	if chosen {
		w.changeLanguage("de")
	}
	if got := w.ask("document.documentElement.lang"); got != "de" {
		w.Errorf("the page does not turn German: it is %q", got)
	}
	do()
	w.do(speak(language))
	if chosen {
		w.changeLanguage(language)
	} else if !w.walks {
		w.do(chromedp.Reload())
	}
}

// changeLanguage presses the button of the person's menu, or the link below a page that stands alone.
func (w *window) changeLanguage(code string) {
	w.Helper()
	w.find("the language", `(words) => {
		const found = document.querySelector(`+"`button[name=language][value=${words[0]}], a[hreflang=${words[0]}]`"+`);
		found?.closest("details")?.setAttribute("open", "");
		return found;
	}`, code)
	w.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-found]").click()`))
	w.find("the page in it", `(words) => document.documentElement.lang === words[0] ? document.body : null`, code)
}

// glance is inspect for a page that is the answer to a form. `make pages` sends the form once more for a picture in
// German, which changes nothing: what changes something leads to another page.
func (w *window) glance(name string) {
	w.Helper()
	w.arrive()
	axe, err := os.ReadFile(assets + "axe-core/axe.min.js")
	if err != nil {
		missing(w.T, "axe-core (make assets)")
	}
	for _, seen := range []struct {
		name, theme string
		width       int64
	}{{"light", "light", 1280}, {"dark", "dark", 1280}, {"360", "light", 360}} {
		if seen.name != "light" && !allPages() {
			break
		}
		w.do(look(seen.theme, seen.width))
		w.audit(name+" "+seen.name, string(axe), `{runOnly: `+rules)
		w.keep(name + "-" + seen.name)
		axe = nil // the page has it
	}
	w.do(look("light", 1280))
	if !allPages() || !w.posted() || w.holds {
		return
	}
	language := w.ask("document.documentElement.lang")
	w.do(speak("de"), chromedp.Reload())
	if got := w.ask("document.documentElement.lang"); got != "de" || !w.posted() {
		w.Errorf("%s: the answer does not turn German: it is %q", name, got)
	}
	w.fits(name + " German")
	w.keep(name + "-de")
	w.do(speak(language), chromedp.Reload())
}

// ask is what a script says, as text.
func (w *window) ask(script string) string {
	w.Helper()
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+script+")"))
	if err != nil {
		w.Fatal(err)
	}
	return answer
}

// violation is a rule that axe finds broken.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

const rules = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`

// audit fails for every rule that the page breaks, and when it is wider than its window. axe is "" when the page has
// it already; options are those of a run, left open.
func (w *window) audit(name, axe, options string) {
	w.Helper()
	if axe != "" {
		w.do(chromedp.Evaluate[chromedp.Void](axe))
	}
	ctx, stop := context.WithTimeout(w.ctx, 2*patience)
	defer stop()
	run := `axe.run(document, ` + options + `, preload: false, resultTypes: ["violations"]}).then((r) => r.violations)`
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]violation](run, chromedp.EvalAwaitPromise))
	if err != nil {
		w.Fatal(err)
	}
	for _, v := range found {
		for _, n := range v.Nodes {
			w.Errorf("%s: %s: %s\n  %s\n  %s", name, v.ID, v.Help, n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n  "))
		}
	}
	w.fits(name)
}

// fits fails when the page is wider than its window.
func (w *window) fits(name string) {
	w.Helper()
	if over := w.ask(`document.documentElement.scrollWidth - document.documentElement.clientWidth`); over != "0" {
		w.Errorf("%s: the page is %s pixels wider than its window: %s", name, over, w.ask(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join("; ")`))
	}
}

// keepFor saves what the window shows under the name of its test.
func (w *window) keepFor(name string) {
	w.Helper()
	w.keep(strings.ReplaceAll(w.Name(), "/", "-") + "-" + name)
}

// keep saves what the window shows, whole, for people to look at.
func (w *window) keep(name string) {
	w.Helper()
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	// At the top, what sticks is painted where it sticks. A picture of more than the window takes twice as long.
	tall, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`scrollTo({ top: 0, behavior: "instant" }), document.documentElement.scrollHeight > innerHeight`))
	if err != nil {
		w.Logf("no picture of %s: %v", name, err)
		return
	}
	fast := true
	var picture []byte
	err = chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		shot, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &tall, OptimizeForSpeed: &fast})
		if err == nil {
			picture = shot.Data
		}
		return err
	}))
	if err != nil {
		w.Logf("no picture of %s: %v", name, err)
		return
	}
	if err := os.MkdirAll(shots, 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(shots, name+".png"), picture, 0o644); err != nil {
		w.Fatal(err)
	}
}
