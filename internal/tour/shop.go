package tour

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Shop is a pretend Shoptet on this machine: its API with tokens, its statuses, orders, customers and stock, and the
// notices it sends of every change. Facts: Shoptet's published OpenAPI; names and values are ours.
type Shop struct {
	Base   string // of its API: http://127.0.0.1:port
	Secret string // signs its notices
	OAuth  string // what a token of the API is got with
	Hook   string // where its notices go
	Tries  Tries  // of a notice

	server *http.Server
	now    func() time.Time

	mu        sync.Mutex
	orders    map[string]*Order
	codes     []string // of the orders, oldest first
	customers map[string]*Customer
	supplies  []Supply        // of the one stock it has, oldest variant first
	told      map[string]bool // orders of which a change was told
	tokens    []string        // that are valid, oldest first
	busy      map[string]int
	counts    ShopCounts
	late      *late
	notices   noticing
}

// ShopCounts says what was asked of the shop's API.
type ShopCounts struct {
	Fetched map[string]int // path -> answers 200
	Refused int            // answers 429
	Expired int            // answers 401
	Tokens  int            // that were given out
	Busiest int            // calls at the same moment with one token
}

// Status is one of the shop's own statuses of orders.
type Status struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// The shop's statuses. The system's have negative numbers; the last was added by the shop's owner and is in nobody's
// translation table.
var (
	statusNew       = Status{-1, "Nevyřízená"}
	statusProcessed = Status{-2, "Vyřizuje se"}
	statusDone      = Status{-3, "Vyřízena"}
	statusCancelled = Status{-4, "Stornována"}
	statusShipped   = Status{14, "Expedována"}
	statusEngraving = Status{17, "Čeká na gravírování 🎁"}
)

func statuses() []Status {
	return []Status{statusNew, statusProcessed, statusDone, statusCancelled, statusShipped, statusEngraving}
}

// The shop's one stock.
const stockID = "1"

// OpenShop starts a shop without any order; close it after use.
func OpenShop() (*Shop, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the pretend shop: %w", err)
	}
	s := &Shop{
		Base: "http://" + listener.Addr().String(), Secret: "61d1175f54c47dd67df14c17002a17b2", OAuth: "tour-oauth-token",
		Tries: Tries{Most: 3, Every: 15 * time.Minute / 3000}, now: time.Now,
		orders: map[string]*Order{}, told: map[string]bool{}, customers: map[string]*Customer{}, busy: map[string]int{},
		counts: ShopCounts{Fetched: map[string]int{}},
	}
	s.notices.stop = make(chan struct{})
	s.server = &http.Server{Handler: s.api(), ReadHeaderTimeout: patience}
	go func() { _ = s.server.Serve(listener) }() // ends with Close
	return s, nil
}

// Close stops its API and gives up notices that wait for another try.
func (s *Shop) Close() {
	close(s.notices.stop)
	_ = s.server.Close()
	s.notices.under.Wait()
}

// shopZone is Prague's in winter.
var shopZone = time.FixedZone("CET", 3600)

const shopTime = "2006-01-02T15:04:05-0700"

func stamp(at time.Time) string { return at.In(shopZone).Format(shopTime) }

// Now is the shop's clock.
func (s *Shop) Now() time.Time { return s.now() }

// names and remarks that break what is not careful: quotes, markup, a variable, other scripts, an emoji, a line break.
var (
	buyers  = []string{"Žofie Černá", "Þórður Ægisson", "O’Neil & \"synové\" <s.r.o.>", "Ľubomír Ťažký", "Jörg Groß", "Nicolò D'Andrè"}
	goods   = []string{"Tričko „Šťastný kůň“", "Hrnek 🐴 0,3 l", "Ponožky <XL> & rukavice", "Kůň #order.code# dřevěný", "Šroub M6 ]]> 10 ks"}
	remarks = []string{"Prosím zabalit jako dárek 🎁", "první řádek\ndruhý řádek", "100 % bavlna; '; DROP TABLE orders; --", ""}
)

// Place makes a new order and answers its number. Every third has an amount of 17 digits, every second a line
// whose id has 20.
func (s *Shop) Place() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.codes)
	at := stamp(s.now())
	o := &Order{
		Code: strconv.Itoa(2018000057 + n), GUID: fmt.Sprintf("c5012051-d7ca-11e0-9a5c-%012d", n), StockID: 1, Language: "cs",
		CreationTime: at, ChangeTime: at, Email: fmt.Sprintf("kupujici%d@example.cz", n), Status: statusNew,
		PaymentMethod:  Means{"0c8a7d11-d7b5-11e0-9a5c-feab5ed617ed", "Platba kartou online"},
		BillingAddress: billing(n), Notes: &Notes{},
	}
	o.Price = Price{CurrencyCode: "CZK", ExchangeRate: "1.00000000"}
	if n%2 == 1 {
		o.Phone, o.CustomerGUID = pointer(fmt.Sprintf("+420601%06d", n)), pointer(fmt.Sprintf("1b02cb8e-d7b5-11e0-9a5c-%012d", n))
		o.Shipping = &Means{"7e1d3f42-d7b5-11e0-9a5c-feab5ed617ed", "Zásilkovna"}
	}
	if n%2 == 0 {
		o.ExternalCode = pointer(fmt.Sprintf("98765432109876%06d", n))
	}
	if n%3 != 2 {
		o.Paid = pointer(n%3 == 0)
	}
	if remark := remarks[n%len(remarks)]; remark != "" {
		o.Notes.CustomerRemark = &remark
	}
	for i := range 1 + n%4 {
		o.Items = append(o.Items, item(n, i))
	}
	o.Items = append(o.Items, shipping(n))
	o.total()
	s.orders[o.Code], s.codes = o, append(s.codes, o.Code)
	return o.Code
}

// billing is the address of the nth buyer: every other one is a firm.
func billing(n int) Address {
	a := Address{FullName: buyers[n%len(buyers)], City: "Hradec Králové", CountryCode: "CZ", Street: pointer("náměstí 5. května"),
		HouseNumber: pointer(fmt.Sprintf("%d/12a", 1+n)), Zip: pointer("500 02")}
	if n%2 == 0 {
		a.Company, a.CompanyID = pointer("Kůň & syn, s. r. o."), pointer(fmt.Sprintf("0%07d", 1234560+n))
	}
	if n%4 == 0 {
		a.VatID = pointer(fmt.Sprintf("CZ0%07d", 1234560+n))
	}
	if n%5 == 3 {
		a.Street, a.Zip = nil, nil
	}
	return a
}

func item(order, line int) Item {
	it := Item{
		ItemID: number(strconv.Itoa(300 + 10*order + line)), ItemType: "product", Code: pointer("40/ZEL-" + strconv.Itoa(line)),
		Name: goods[(order+line)%len(goods)], Amount: fmt.Sprintf("%d.%03d", 1+order%9, 250*(line%4)), AmountUnit: pointer("ks"),
		cents: 123450 + int64(order)*100 + int64(line),
	}
	if line == 0 && order%2 == 0 {
		it.ItemID = number(fmt.Sprintf("12345678901234%06d", order))
	}
	if line == 0 && order%3 == 0 {
		it.cents = 1234567890123456700 + int64(order)
	}
	it.ProductGUID = pointer(fmt.Sprintf("c9e976a5-340b-11e4-b500-%012d", line))
	if line%2 == 0 {
		it.VariantName = pointer("Barva: zelená")
	}
	return it
}

// shipping is the line that has neither number nor unit.
func shipping(order int) Item {
	return Item{ItemID: number(strconv.Itoa(309 + 10*order)), ItemType: "shipping", Name: "Zásilkovna", Amount: "1.000", cents: 5900}
}

// total writes the amounts of lines and order as texts.
func (o *Order) total() {
	var sum, net int64
	for i := range o.Items {
		it := &o.Items[i]
		without := withoutVat(it.cents)
		it.ItemPrice = ItemPrice{WithVat: amount(it.cents), WithoutVat: amount(without), Vat: amount(it.cents - without), VatRate: "21.00"}
		sum, net = sum+it.cents, net+without
	}
	o.Price.WithVat, o.Price.WithoutVat, o.Price.Vat, o.Price.ToPay = amount(sum), amount(net), amount(sum-net), amount(sum)
}

// withoutVat takes 21 % off; no number between is larger than cents.
func withoutVat(cents int64) int64 { return cents/121*100 + (cents%121*100+60)/121 }

func amount(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

// Revise changes an order at a moment: its lines get other prices, one more line comes or goes, and the status is set.
func (s *Shop) Revise(code string, at time.Time, status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[code]
	o.ChangeTime, o.Status = stamp(at), status
	for i := range o.Items {
		o.Items[i].cents += 101
	}
	extra := slices.IndexFunc(o.Items, func(it Item) bool { return it.Name == "Dárkové balení" })
	if extra >= 0 {
		o.Items = slices.Delete(o.Items, extra, extra+1)
	} else {
		it := shipping(1000)
		it.ItemID, it.Name = number("777"+code), "Dárkové balení"
		o.Items = append(o.Items, it)
	}
	o.total()
}

// Register makes a customer and answers the GUID. Every third has no account yet.
func (s *Shop) Register() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.customers)
	at := stamp(s.now())
	c := &Customer{GUID: fmt.Sprintf("1b02cb8e-d7b5-11e0-9a5c-%012d", n), CreationTime: at, ChangeTime: at, BillingAddress: billing(n),
		Accounts: []Account{}}
	if n%3 != 2 {
		c.Accounts = append(c.Accounts, Account{GUID: fmt.Sprintf("5f7c1e20-d7b5-11e0-9a5c-%012d", n), FullName: buyers[n%len(buyers)],
			Email: fmt.Sprintf("kupujici%d@example.cz", n), MainAccount: true})
	}
	if n%2 == 0 {
		c.CustomerGroup = &Group{1, "Velkoobchod"}
	}
	s.customers[c.GUID] = c
	return c.GUID
}

// Rename changes a customer's name, and the phone of the first account.
func (s *Shop) Rename(guid, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.customers[guid]
	c.BillingAddress.FullName, c.ChangeTime = name, stamp(s.now())
	if len(c.Accounts) > 0 {
		c.Accounts[0].Phone = pointer("+420601234567")
	}
}

// Move changes the stock level of a product variant to so many pieces. Of every other variant nothing is ordered.
func (s *Shop) Move(code string, level int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.supplies, func(p Supply) bool { return p.Code == code })
	if at < 0 {
		at = len(s.supplies)
		p := Supply{Code: code, ProductGUID: fmt.Sprintf("c9e976a5-340b-11e4-b500-%012d", at)}
		if at%2 == 0 {
			p.Claim = pointer("2.500")
		}
		s.supplies = append(s.supplies, p)
	}
	s.supplies[at].Amount, s.supplies[at].ChangeTime = fmt.Sprintf("%d.000", level), pointer(stamp(s.now()))
}

// Codes lists the orders' numbers, oldest first.
func (s *Shop) Codes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.codes)
}

// Order is a copy of one order.
func (s *Shop) Order(code string) Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := *s.orders[code]
	o.Items = slices.Clone(o.Items)
	return o
}

func pointer[T any](v T) *T { return &v }
