package packs

import (
	"slices"
	"strings"
	"testing"
)

// labelled is one thing with titles, and where it stands.
type labelled struct {
	where  string
	titles map[string]string
}

func everyTitle(t *testing.T) []labelled {
	t.Helper()
	var all []labelled
	for _, p := range everyPack(t) {
		all = append(all, labelled{p.Name, p.Title})
		for name, titles := range p.Groups {
			all = append(all, labelled{p.Name + " group " + name, titles})
		}
		for _, preset := range presetsOf(p) {
			all = append(all, labelled{p.Name + " preset " + preset.Name, preset.Title})
			for _, v := range preset.Variables {
				all = append(all, labelled{p.Name + " preset " + preset.Name + " variable " + v.Name, v.Title})
			}
		}
		for _, typ := range p.Types {
			all = append(all, labelled{p.Name + " " + typ.Name, typ.Title})
			for _, f := range typ.Fields {
				all = append(all, labelled{p.Name + " " + typ.Name + " field " + f.Name, f.Title})
			}
		}
	}
	return all
}

func presetsOf(p *Pack) []Preset { return slices.Concat(p.Targets, p.Sources, p.Pipelines) }

func everyPack(t *testing.T) []*Pack {
	t.Helper()
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryTitleIsWrittenInEveryLanguage(t *testing.T) {
	for _, l := range everyTitle(t) {
		for _, language := range Languages() {
			if strings.TrimSpace(l.titles[language]) == "" {
				t.Errorf("%s has no title in %s", l.where, language)
			}
		}
		if len(l.titles) != len(Languages()) {
			t.Errorf("%s has %d languages, want %d: %v", l.where, len(l.titles), len(Languages()), l.titles)
		}
	}
}

func TestNoTitleIsLeftInEnglish(t *testing.T) {
	// Names, and words that another language really shares with English.
	shared := []string{"Shoptet", "E-shop: Shoptet", "PIN", "E-mail", "Endpoint", "Feed", "Server", "Stock", "Integration", "Status"}
	for _, l := range everyTitle(t) {
		for language, title := range l.titles {
			if language != "en" && title == l.titles["en"] && !slices.Contains(shared, title) {
				t.Errorf("%s: the title in %s is the English one: %s", l.where, language, title)
			}
		}
	}
}

func TestOneTypeHasOneTitleInEveryPack(t *testing.T) {
	first := map[string]labelled{}
	for _, p := range everyPack(t) {
		for _, typ := range p.Types {
			known, seen := first[typ.Name]
			if !seen {
				first[typ.Name] = labelled{p.Name, typ.Title}
				continue
			}
			for _, language := range Languages() {
				if typ.Title[language] != known.titles[language] {
					t.Errorf("%s in %s: %s says %q, %s says %q", typ.Name, language,
						known.where, known.titles[language], p.Name, typ.Title[language])
				}
			}
		}
	}
	if got := first["order.created"].titles["cs"]; got != "Nová objednávka" {
		t.Errorf("order.created in cs: got %q, want Nová objednávka", got)
	}
}

func TestTitlesKeepTheTypographyOfTheirLanguage(t *testing.T) {
	for _, l := range everyTitle(t) {
		for language, title := range l.titles {
			if strings.ContainsAny(title, `'"`) {
				t.Errorf("%s in %s: straight quotes in %s", l.where, language, title)
			}
		}
	}
}

// What people of the trade say, where the pattern would give another word.
func TestTitlesInTheWordsOfTheTrade(t *testing.T) {
	for _, c := range []struct{ pack, typ, language, want string }{
		{"shoptet", "payment_receipt.created", "cs", "Nový daňový doklad k přijaté platbě"},
		{"shoptet", "order.cancelled", "cs", "Storno objednávky"},
		{"shoptet", "order.paid", "cs", "Objednávka zaplacena"},
		{"shoptet", "order.updated", "cs", "Změna objednávky"},
		{"shoptet", "order.deleted", "cs", "Smazání objednávky"},
		{"shoptet", "stock.moved", "cs", "Skladový pohyb"},
		{"shoptet", "stock.back_in_stock", "cs", "Znovu skladem"},
		{"shoptet", "stock.sold_out", "cs", "Vyprodáno"},
		{"shoptet", "stock.minimum_reached", "cs", "Dosažena minimální zásoba"},
		{"shoptet", "shipping_request.cancelled", "cs", "Požadavek na dopravu nevybrán"},
		{"shoptet", "shipment.failed", "cs", "Chyba zásilky"},
		{"shoptet", "mailing_list_email.created", "cs", "Přidání e-mailu do distribučního seznamu"},
		{"shoptet", "mailing_list_email.deleted", "cs", "Odebrání e-mailu z distribučního seznamu"},
		{"shoptet", "job.finished", "cs", "Dokončení úlohy na pozadí"},
		{"shoptet", "addon.approved", "en", "Add-on resumed"},
		{"money", "customer.updated", "cs", "Změna údajů zákazníka"},
		{"money", "customer.updated", "sk", "Zmena údajov zákazníka"},
		{"money", "stock.level_changed", "cs", "Změna stavu zásob"},
		{"money", "stock.level_changed", "sk", "Zmena stavu zásob"},
		{"ellity", "customer.credit_expiring", "cs", "Blíží se konec platnosti bodů"},
		{"ellity", "customer.pin_changed", "cs", "Změna PIN"},
		{"ellity", "custom.requested", "cs", "Vlastní událost"},
		{"ellity", "customer.credit_changed", "en", "Customer credit changed"},
		{"onestock", "order.state_changed", "it", "Stato ordine modificato"},
		{"onestock", "parcel.state_changed", "it", "Stato collo modificato"},
		{"onestock", "line_item_group.state_changed", "it", "Stato gruppo di righe modificato"},
		{"onestock", "stock.delta_exported", "it", "Stock delta (solo variazioni)"},
		{"onestock", "shipping_label.print_failed", "it", "Errore di stampa dell’etichetta di trasporto"},
		{"onestock", "custom.triggered", "it", "Notifica personalizzata"},
		{"onestock", "custom.triggered", "en", "Custom notification"},
		{"cargoson", "shipment.status_changed", "is", "Stöðu sendingar breytt"},
		{"profacto", "open_item.reminded", "de", "Offener Posten (OP) gemahnt"},
		{"profacto", "open_item.reminded", "en", "Payment reminder sent"},
	} {
		if got := typeOf(t, c.pack, c.typ).Title[c.language]; got != c.want {
			t.Errorf("%s %s in %s: got %q, want %q", c.pack, c.typ, c.language, got, c.want)
		}
	}
}
