package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// window is one browser window of one person. Whatever is wrong on any page it sees fails the test at its end:
// a message on the console, a breach of the content security policy, a request to another host.
type window struct {
	*testing.T
	hub *testHub
	ctx context.Context
	// embeds is another site that this window may ask: one that shows our pages in a frame.
	embeds string
	// walks is set where each page of a list is looked at, and left at once for the next.
	walks bool
	// steps are the presses, ticks and fields since somebody last looked at the count.
	steps int
	// holds is set where a form is sent but once, or its answer keeps its language.
	holds bool

	mu     sync.Mutex
	wrongs []string
	method string // by which the page was asked for
}

// patience is how long a text may take to appear.
const patience = 30 * time.Second

// open opens a window in a language, such as cs.
func (h *testHub) open(t *testing.T, language string) *window {
	t.Helper()
	w := &window{T: t, hub: h}
	ctx, stop := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.hear))
	w.ctx = ctx
	// The first run makes the window, which lives as long as its context.
	if err := chromedp.Do(ctx); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, wrong := range w.wrongs {
			t.Error(wrong)
		}
	})
	w.do(command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{}), command(runtime.Enable, cdp.Empty{}),
		// Windows of other tests are open at the same time; each takes what is typed as if it were in front.
		command(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}),
		speak(language), look("light", 1280))
	return w
}

func (w *window) hear(event any) {
	wrong := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		wrong = "script failed: " + e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			wrong = "a script complained:"
			for _, said := range e.Args {
				wrong += " " + string(said.Value) + said.Description
			}
		}
		// What a page was still asking for when somebody left it is given up, and htmx says so to a page that is gone.
		if strings.Contains(wrong, `"htmx:sendAbort`) || strings.Contains(wrong, `"htmx:afterRequest`) {
			wrong = ""
		}
	case *log.EventEntryAdded:
		// A refused form is answered 4xx, and the browser mentions it.
		refused := e.Entry.Source == log.EntrySourceNetwork && strings.Contains(e.Entry.Text, "status of 4")
		if e.Entry.Level == log.EntryLevelError && !refused {
			wrong = "the browser complained: " + e.Entry.Text + " " + e.Entry.URL
		}
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, w.hub.url+"/") && !strings.HasPrefix(u, "data:") && (w.embeds == "" || !strings.HasPrefix(u, w.embeds+"/")) {
			wrong = "a page asked another host: " + u
		}
		if e.Type == network.ResourceTypeDocument {
			w.mu.Lock()
			w.method = e.Request.Method
			w.mu.Unlock()
		}
	}
	if wrong != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wrongs = append(w.wrongs, wrong)
	}
}

// posted says that the page is the answer to a form.
func (w *window) posted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.method == "POST"
}

// step is one thing that the browser is told to do.
type step = chromedp.Action[chromedp.Void]

// command is a command of the protocol as a step.
func command[P, R any](c cdp.Command[P, R], params P) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (w *window) do(steps ...step) {
	w.Helper()
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.keepFor("failed")
		w.Fatal(err)
	}
}

// speak sets what the browser asks for.
func speak(language string) step {
	return command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}})
}

// look sets the system's theme and the window's width.
func look(theme string, width int64) step {
	return chromedp.Steps(
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}}),
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1}))
}

// visit opens an address; a path is one of the hub.
func (w *window) visit(address string) {
	w.Helper()
	if strings.HasPrefix(address, "/") {
		address = w.hub.url + address
	}
	w.do(chromedp.Navigate(address))
}

// find marks the element that a script finds, waiting for it, and answers how to select it.
func (w *window) find(what, script string, words ...string) chromedp.CSS {
	w.Helper()
	given, err := json.Marshal(words)
	if err != nil {
		w.Fatal(err)
	}
	const mark = `((words) => {
		if (document.querySelector("[data-pressed]")) return false; // still the page that a link leads away from
		for (const old of document.querySelectorAll("[data-found]")) old.removeAttribute("data-found");
		const shown = (e) => e.getClientRects().length > 0;
		const text = (e) => (e.getAttribute("aria-label") ?? e.innerText ?? "").replace(/\s+/g, " ").trim();
		// An editor, where one is over the field, or comes: between the two what is typed would fall.
		const typing = (label) => document.querySelector(` + "`[role=textbox][aria-labelledby~='${label?.id}']`" + `) ??
			(label?.control?.dataset.code && document.querySelector("script[src*='editor']") && !label.control.classList.contains("covered") ? null : label?.control);
		const found = (%s)(words, shown, text, typing);
		found?.setAttribute("data-found", "");
		return !!found;
	})(%s)`
	for deadline := time.Now().Add(patience); ; {
		ctx, stop := context.WithTimeout(w.ctx, patience)
		found, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(mark, script, given)))
		stop()
		if found && err == nil {
			return "[data-found]"
		}
		if time.Now().After(deadline) {
			w.keepFor("failed")
			w.Fatalf("nobody can see %s %q (%v) on this page:\n%s", what, words, err, w.text())
		}
		w.rest()
	}
}

// rest lets the page go on between two looks.
func (w *window) rest() {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-w.ctx.Done():
	}
}

// took wants what a person did since the last count to be so many steps. docs/console.md tells them, journey by journey.
func (w *window) took(steps int) {
	w.Helper()
	if w.steps != steps {
		w.Errorf("that took %d steps, want %d", w.steps, steps)
	}
	w.steps = 0
}

// with does something with the element that a script finds, which is one step. The page may be renewed between the look and the act, as
// when its last part arrives or an editor lies down over a field, and what was found is gone; a person looks again.
func (w *window) with(act func(chromedp.CSS) step, what, script string, words ...string) {
	w.Helper()
	w.steps++
	for deadline := time.Now().Add(patience); ; {
		found := w.find(what, script, words...)
		ctx, stop := context.WithTimeout(w.ctx, patience/6)
		err := chromedp.Do(ctx, act(found))
		stop()
		if err == nil {
			return
		}
		gone := errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "node with given id") || strings.Contains(err.Error(), "not focusable") || strings.Contains(err.Error(), "went past")
		if !gone || time.Now().After(deadline) {
			w.keepFor("failed")
			w.Fatal(err)
		}
		w.forget()
	}
}

// forget lets a link be pressed again: nobody may wait for where a click leads that went past it.
func (w *window) forget() {
	ctx, stop := context.WithTimeout(w.ctx, patience/6)
	defer stop()
	// A page that is going away just now has nothing to forget.
	_, _ = chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-pressed]")?.removeAttribute("data-pressed")`))
}

// clicked clicks where an element stands. The page may move between the look and the click, as when a field grows: a click
// that went past is no click. One that led away may do so before the browser has said that it was done.
func clicked(found chromedp.CSS) step {
	return chromedp.Steps(
		chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-found]")?.addEventListener("click", (e) => e.currentTarget.removeAttribute("data-found"), { once: true, capture: true })`),
		leading(chromedp.Click(found)),
		leading(chromedp.Evaluate[chromedp.Void](`(() => { if (document.querySelector("[data-found]")) throw new Error("the click went past"); })()`)))
}

// leading is a step after which the browser may be elsewhere.
func leading(do step) step {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		err := chromedp.Do(ctx, do)
		if err != nil && strings.Contains(err.Error(), "navigated or closed") {
			return nil
		}
		return err
	})
}

// pressed is clicked that notes a link: until the browser has gone where it leads, find waits.
func pressed(found chromedp.CSS) step {
	return chromedp.Steps(chromedp.Evaluate[chromedp.Void](`document.querySelector("a[data-found]:not([href^='#'])")?.setAttribute("data-pressed", "")`), clicked(found))
}

// arrive waits until the page is there, whole.
func (w *window) arrive() {
	w.Helper()
	w.find("a whole page", `() => document.readyState === "complete" ? document.body : null`)
}

// written puts text into a field at once, as from a clipboard; what stood there goes.
func written(text string) func(chromedp.CSS) step {
	return func(found chromedp.CSS) step {
		all := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Modifiers: 2, Key: "a", Code: "KeyA", WindowsVirtualKeyCode: 'A', Commands: []string{"selectAll"}}
		return chromedp.Steps(chromedp.Focus(found), command(input.DispatchKeyEvent, all), command(input.InsertText, input.InsertTextParams{Text: text}))
	}
}

// press presses the link or button that says so.
func (w *window) press(word string) {
	w.Helper()
	w.with(pressed, "a button or link", `(words, shown, text) =>
		[...document.querySelectorAll("a, button, summary, input[type=submit]")].filter(shown).find((e) => text(e) === words[0]) ??
		[...document.querySelectorAll("a, button, summary")].filter(shown).find((e) => text(e).includes(words[0]))`, word)
}

// fill types into the field with a label; what stood there goes.
func (w *window) fill(label, value string) {
	w.Helper()
	w.with(written(value), "a field", `(words, shown, text, typing) => typing([...document.querySelectorAll("label")].filter(shown).find((e) => text(e) === words[0]))`, label)
}

// choose picks an option by its words, or ticks a box with a label.
func (w *window) choose(label, option string) {
	w.Helper()
	w.steps++
	w.find("a choice", `(words, shown, text) => {
		const label = [...document.querySelectorAll("label")].filter(shown).find((e) => text(e) === words[0]);
		const field = label?.control;
		const option = [...(field?.options ?? [])].find((o) => o.text.trim() === words[1]);
		if (!option) return null;
		field.value = option.value;
		field.dispatchEvent(new Event("change", { bubbles: true }));
		return field;
	}`, label, option)
}

// see waits until the page shows all the texts.
func (w *window) see(texts ...string) {
	w.Helper()
	for _, text := range texts {
		w.find("the text", `(words) => document.body.innerText.replace(/\s+/g, " ").includes(words[0].replace(/\s+/g, " ")) ? document.body : null`, text)
	}
}

// hidden wants a text to be nowhere on the page.
func (w *window) hidden(text string) {
	w.Helper()
	if strings.Contains(w.text(), text) {
		w.Errorf("the page shows %q", text)
	}
}

func (w *window) text() string {
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}
