package browser

import (
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestAPageThatNobodySeesHoldsNoConnection: a browser has six connections to a host, and each page that follows what
// happens takes one. A page behind others gives it back, and knows what it missed when somebody looks at it again.
func TestAPageThatNobodySeesHoldsNoConnection(t *testing.T) {
	t.Parallel()
	h := startHub(t)
	w := h.open(t, "en")
	w.first()
	w.do(command(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		window.streams = [];
		window.EventSource = class extends EventSource {
			constructor(...given) { super(...given); streams.push(this); }
		};`}))
	turn := func(hidden string) {
		w.do(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, "hidden", { value: ` + hidden + `, configurable: true });
			document.dispatchEvent(new Event("visibilitychange"));`))
	}
	w.press("Events")
	w.press("Follow live")
	w.find("a stream", `() => streams.length === 1 && streams[0].readyState === EventSource.OPEN ? document.body : null`)
	turn("true")
	if open := w.ask(`streams.filter((s) => s.readyState !== EventSource.CLOSED).length`); open != "0" {
		t.Errorf("a page that nobody sees has %s streams", open)
	}
	h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"2018000057","data":{}}`)
	w.hidden("2018000057")
	turn("false")
	w.see("2018000057") // it missed this
	h.api(t, "POST", "/v1/events", `{"type":"order.created","key":"2018000058","data":{}}`)
	w.see("2018000058") // and hears of what comes
}
