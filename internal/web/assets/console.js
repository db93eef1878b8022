// What pages load beside hacek.js: htmx, and server-sent events for it.
import htmx from "htmx.org";
import "htmx-ext-sse";

// News is an EventSource that listens only while somebody sees the page, and asks for what it missed when they come back.
// A browser has six connections to a host, for all tabs together: six pages that nobody looks at would leave none for the
// seventh, which then waits for ever.
class News extends EventTarget {
  #url;
  #source;
  #again;
  #names = new Set();

  constructor(url) {
    super();
    this.#url = url;
    document.addEventListener("visibilitychange", this.#look);
    this.#look();
  }

  #look = () => {
    if (!document.hidden) return this.#source ?? this.#listen();
    this.#source?.close();
    this.#source = undefined;
  };

  #listen() {
    const source = new EventSource(this.#url, { withCredentials: true });
    source.onopen = (event) => this.onopen?.(event);
    // A connection that breaks the browser makes anew. One that is refused (the session has ended, the hub starts again) is
    // asked for later, without a word: htmx would complain to the console.
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED || source !== this.#source) return;
      this.#source = undefined;
      this.#again = setTimeout(this.#look, 3000);
    };
    for (const name of this.#names) source.addEventListener(name, this.#pass);
    this.#source = source;
  }

  #pass = (event) => this.dispatchEvent(new MessageEvent(event.type, { data: event.data }));

  addEventListener(name, listener) {
    super.addEventListener(name, listener);
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.#source?.addEventListener(name, this.#pass);
  }

  get readyState() {
    return this.#source?.readyState ?? EventSource.CONNECTING;
  }

  close() {
    clearTimeout(this.#again);
    document.removeEventListener("visibilitychange", this.#look);
    this.#source?.close();
  }
}

htmx.createEventSource = (url) => new News(url);
