package tour

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Inbox is the pretend ERP's import API: it takes an order as XML, queues it, and says under the import's number whether it
// has been imported yet - as Money S3 does.
type Inbox struct {
	Base string

	server *http.Server

	mu     sync.Mutex
	byKey  map[string]int // idempotency key -> place in queue
	queue  []queued
	keys   []string // of all documents, in the order they came
	counts InboxCounts
}

// InboxCounts says what the import API was asked.
type InboxCounts struct {
	Posts   int // documents that came
	Repeats int // of these, under a key that had come before: imported once
	Asked   int // questions whether it is done yet
	Early   int // of these, answered with "not yet"
}

type queued struct {
	doc   document
	ready time.Time
}

// document is an order as the import API takes it.
type document struct {
	XMLName  xml.Name `xml:"order"`
	Number   string   `xml:"number,attr"`
	Status   string   `xml:"status"`
	Changed  string   `xml:"changed"`
	External string   `xml:"external"`
	Customer string   `xml:"customer"`
	Mail     string   `xml:"mail"`
	Remark   string   `xml:"remark"`
	Total    struct {
		Currency string `xml:"currency,attr"`
		Amount   string `xml:",chardata"`
	} `xml:"total"`
	Lines []documentLine `xml:"lines>line"`
}

type documentLine struct {
	ID       string `xml:"id,attr"`
	SKU      string `xml:"sku"`
	Name     string `xml:"name"`
	Quantity string `xml:"quantity"`
	Unit     string `xml:"unit"`
	Price    string `xml:"price"`
}

// documentTemplate is the body of the request step that writes such a document.
const documentTemplate = `<?xml version="1.0" encoding="UTF-8"?>
<order number="#detail.data.order.code#">
  <status>#row.status#</status>
  <changed>#detail.data.order.changeTime#</changed>
  <external>#detail.data.order.externalCode#</external>
  <customer>#detail.data.order.billingAddress.fullName#</customer>
  <mail>#detail.data.order.email#</mail>
  <remark>#detail.data.order.notes.customerRemark#</remark>
  <total currency="#detail.data.order.price.currencyCode#">#detail.data.order.price.withVat#</total>
  <lines>#each detail.data.order.items#
    <line id="#itemId#"><sku>#code#</sku><name>#name#</name><quantity>#amount#</quantity><unit>#amountUnit#</unit><price>#itemPrice.withVat#</price></line>#end#
  </lines>
</order>`

// importing is how long an import lies in the queue.
const importing = 300 * time.Millisecond

// OpenInbox starts an import API with an empty queue; close it after use.
func OpenInbox() (*Inbox, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the pretend import API: %w", err)
	}
	i := &Inbox{Base: "http://" + listener.Addr().String(), byKey: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /imports", i.take)
	mux.HandleFunc("GET /imports/{number}", i.state)
	i.server = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() { _ = i.server.Serve(listener) }() // ends with Close
	return i, nil
}

// Close stops it.
func (i *Inbox) Close() { _ = i.server.Close() }

func (i *Inbox) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var doc document
	if err == nil {
		err = xml.Unmarshal(body, &doc)
	}
	key := r.Header.Get("Idempotency-Key")
	if err == nil && (doc.Number == "" || key == "") {
		err = errors.New("the order has no number, or the request no Idempotency-Key")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	doc.XMLName, doc.Total.Amount = xml.Name{}, strings.TrimSpace(doc.Total.Amount)
	i.mu.Lock()
	i.counts.Posts++
	i.keys = append(i.keys, key)
	at, repeat := i.byKey[key]
	if repeat {
		i.counts.Repeats++
	} else {
		at = len(i.queue)
		i.queue = append(i.queue, queued{doc, time.Now().Add(importing)})
		i.byKey[key] = at
	}
	i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"import":"IMP-%d","state":"queued"}`, at)
}

func (i *Inbox) state(w http.ResponseWriter, r *http.Request) {
	var at int
	_, err := fmt.Sscanf(r.PathValue("number"), "IMP-%d", &at)
	i.mu.Lock()
	known := err == nil && at >= 0 && at < len(i.queue)
	state := "queued"
	if known {
		i.counts.Asked++
		if !time.Now().Before(i.queue[at].ready) {
			state = "imported"
		} else {
			i.counts.Early++
		}
	}
	i.mu.Unlock()
	if !known {
		http.Error(w, "no such import", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"import":"IMP-%d","state":%q}`, at, state)
}

// imported is the latest document of every order, and how many there are in all.
func (i *Inbox) imported() (latest map[string]document, all int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	latest = map[string]document{}
	for _, q := range i.queue {
		latest[q.doc.Number] = q.doc
	}
	return latest, len(i.queue)
}

// Counts is what was asked so far.
func (i *Inbox) Counts() InboxCounts {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.counts
}
