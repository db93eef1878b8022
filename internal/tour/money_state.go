package tour

import "strconv"

// ours is the ERP's word for a status of the shop.
func ours(s Status) string {
	if s == statusEngraving {
		return engraving
	}
	return knownStates()[s.Name]
}

// wanted is what the ERP's tables should hold, by the shop's present state.
func (s *Shop) wanted() map[string][]row {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string][]row{}
	add := func(table string, values ...string) { all[table] = append(all[table], values) }
	for _, o := range s.orders {
		a, paid, shipping := o.BillingAddress, null, null
		if o.Paid != nil {
			paid = strconv.FormatBool(*o.Paid)
		}
		if o.Shipping != nil {
			shipping = o.Shipping.Name
		}
		add("orders", o.Code, text(o.ExternalCode), ours(o.Status), paid, o.Price.CurrencyCode, o.Price.WithVat, o.Price.WithoutVat,
			text(o.CustomerGUID), a.FullName, text(a.Company), text(a.CompanyID), text(a.VatID), o.Email, text(o.Phone), text(a.Street),
			text(a.HouseNumber), a.City, text(a.Zip), a.CountryCode, shipping, o.PaymentMethod.Name, text(o.Notes.CustomerRemark),
			o.CreationTime, o.ChangeTime)
		for _, it := range o.Items {
			add("order_lines", o.Code, string(it.ItemID), it.ItemType, text(it.Code), it.Name, text(it.VariantName), it.Amount,
				text(it.AmountUnit), it.ItemPrice.WithVat, it.ItemPrice.WithoutVat, it.ItemPrice.VatRate)
		}
		if s.told[o.Code] {
			add(statesTable, o.Code, ours(o.Status), paid, o.ChangeTime)
		}
	}
	for _, c := range s.customers {
		a, first, group := c.BillingAddress, Account{Email: null}, null
		if len(c.Accounts) > 0 {
			first = c.Accounts[0]
		}
		if c.CustomerGroup != nil {
			group = c.CustomerGroup.Name
		}
		add("customers", c.GUID, a.FullName, text(a.Company), text(a.CompanyID), text(a.VatID), first.Email, text(first.Phone), text(a.Street),
			text(a.HouseNumber), a.City, text(a.Zip), a.CountryCode, group, c.ChangeTime)
	}
	if n := len(s.supplies); n > 0 {
		add("stocks", stockID, strconv.Itoa(n))
	}
	for _, p := range s.supplies {
		add("stock_levels", stockID, p.Code, p.Amount, text(p.Claim), *p.ChangeTime)
	}
	return all
}

// document is the order as the import API should have it.
func (o Order) document() document {
	empty := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	d := document{Number: o.Code, Status: ours(o.Status), Changed: o.ChangeTime, External: empty(o.ExternalCode),
		Customer: o.BillingAddress.FullName, Mail: o.Email, Remark: empty(o.Notes.CustomerRemark)}
	d.Total.Currency, d.Total.Amount = o.Price.CurrencyCode, o.Price.WithVat
	for _, it := range o.Items {
		d.Lines = append(d.Lines, documentLine{string(it.ItemID), empty(it.Code), it.Name, it.Amount, empty(it.AmountUnit), it.ItemPrice.WithVat})
	}
	return d
}
