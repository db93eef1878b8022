// What pages load beside hacek.js: htmx, and server-sent events for it.
import "htmx.org";
import "htmx-ext-sse";
