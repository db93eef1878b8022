package tour

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
	all := map[string][]row{"orders": nil, "order_lines": nil, "customers": nil, "stocks": nil, "stock_movements": nil}
	add := func(table string, values ...string) { all[table] = append(all[table], values) }
	for _, o := range s.orders {
		paid := null
		if o.Paid != nil {
			paid = map[bool]string{true: "true", false: "false"}[*o.Paid]
		}
		add("orders", o.Code, text(o.ExternalCode), o.BillingAddress.FullName, o.Email, o.BillingAddress.City, ours(o.Status),
			o.Price.CurrencyCode, o.Price.WithVat, paid, text(o.Notes.CustomerRemark), o.ChangeTime)
		for _, it := range o.Items {
			add("order_lines", o.Code, string(it.ItemID), text(it.Code), it.Name, it.Amount, text(it.AmountUnit),
				it.ItemPrice.WithVat, it.ItemPrice.VatRate)
		}
	}
	for _, c := range s.customers {
		add("customers", c.GUID, c.Name, c.Email, text(c.Phone), text(c.CompanyID), c.ChangeTime)
	}
	if n := len(s.movements); n > 0 {
		add("stocks", stockID, digits(n))
	}
	for _, m := range s.movements {
		add("stock_movements", stockID, digits(m.ID), m.ProductCode, m.ActualAmount, m.AmountChange, m.ChangeTime)
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
