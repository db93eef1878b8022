package tour

import "strconv"

func digits(n int) string { return strconv.Itoa(n) }

// tries are short, and so many that a delivery outlives whatever the tour does to it.
func tries() object {
	list := []string{"300ms", "500ms"}
	for range 28 {
		list = append(list, "1s")
	}
	return object{"intervals": list, "jitter": 0}
}

// pipelines are the four that bring a shop's changes into an ERP, as a user would set them up.
func (m *Money) pipelines() []object {
	subscribe := func(types ...string) object { return object{"sources": []string{moneySource}, "event_types": types} }
	orders := subscribe("order:create", "order:update", "order:massUpdate")
	into := []object{m.fetchOrder(), mapStatus(), upsertOrder()}
	if m.Mail != "" {
		into = append(into, object{"type": "mail", "to": []string{m.Mail}, "subject": "Order #event.key# is in the ERP: #row.status#",
			"body": "It was last changed at #detail.data.order.changeTime#."})
	}
	return []object{
		{"uid": "tour-orders", "name": "Orders into the ERP's tables", "subscription": orders, "retry": tries(), "order": object{"by": "key"},
			"steps": into},
		{"uid": "tour-imports", "name": "Orders into the ERP's import API", "subscription": orders, "retry": tries(), "order": object{"by": "key"},
			"steps": []object{m.fetchOrder(), mapStatus(),
				{"type": "request", "as": "sent", "request": object{"method": "POST", "url": m.Inbox.Base + "/imports",
					"content_type": "application/xml", "body": documentTemplate}},
				{"type": "confirm", "request": object{"method": "GET", "url": m.Inbox.Base + "/imports/#sent.import#"},
					"until": "response.json.state == 'imported'", "every": "200ms", "for": "20s"}}},
		{"uid": "tour-customers", "name": "Customers into the ERP", "subscription": subscribe("customer:create", "customer:update"),
			"retry": tries(), "order": object{"by": "key"},
			"steps": []object{m.fetch("/api/customers/#event.key#", 1), {"type": "upsert", "connection": moneyERP, "table": "customers",
				"key": []string{"guid"}, "newer": "changed_at", "columns": object{"guid": "#detail.data.customer.guid#",
					"name": "#detail.data.customer.fullName#", "email": "#detail.data.customer.email#", "phone": "#detail.data.customer.phone#",
					"company_id": "#detail.data.customer.companyId#", "changed_at": "#detail.data.customer.changeTime#"}}}},
		{"uid": "tour-stock", "name": "Stock levels into the ERP", "subscription": subscribe("stock:movement"),
			"retry": tries(), "order": object{"by": "key"},
			"steps": []object{m.fetch("/api/stocks/#event.key#/movements", 1), {"type": "upsert", "connection": moneyERP, "table": "stocks",
				"key":     []string{"id"},
				"columns": object{"id": "#event.key#", "movements": "#detail.data.paginator.totalCount#"},
				"children": []object{{"table": "stock_movements", "parent": object{"stock_id": "id"}, "each": "detail.data.movements",
					"key": []string{"stock_id", "movement_id"}, "columns": object{"movement_id": "#id#", "sku": "#productCode#",
						"level": "#actualAmount#", "difference": "#amountChange#", "changed_at": "#changeTime#"}}}}}},
	}
}

func (m *Money) fetchOrder() object {
	return m.fetch("/api/orders/#event.key#?include=notes", shopCalls)
}

// fetch asks the shop's API with a token that is got in exchange for the add-on's own.
func (m *Money) fetch(path string, concurrency int) object {
	return object{"type": "fetch", "as": "detail", "request": object{"method": "GET", "url": m.Shop.Base + path},
		"limits": object{"concurrency": concurrency},
		"auth": object{"type": "exchange", "token_path": "access_token", "expires_path": "expires_in",
			"header": "Shoptet-Access-Token: #token#",
			"request": object{"method": "POST", "url": m.Shop.Base + "/action/ApiOAuthServer/getAccessToken",
				"headers": object{"Authorization": "Bearer " + m.Shop.OAuth}}}}
}

func mapStatus() object {
	return object{"type": "map", "as": "row", "fields": object{"status": "#detail.data.order.status.name#"}, "tables": object{"status": moneyStates}}
}

func upsertOrder() object {
	return object{"type": "upsert", "connection": moneyERP, "table": "orders", "key": []string{"number"}, "newer": "changed_at",
		"columns": object{"number": "#detail.data.order.code#", "external_code": "#detail.data.order.externalCode#",
			"customer_name": "#detail.data.order.billingAddress.fullName#", "customer_email": "#detail.data.order.email#",
			"city": "#detail.data.order.billingAddress.city#", "status": "#row.status#", "currency": "#detail.data.order.price.currencyCode#",
			"total_with_vat": "#detail.data.order.price.withVat#", "paid": "#detail.data.order.paid#",
			"remark": "#detail.data.order.notes.customerRemark#", "changed_at": "#detail.data.order.changeTime#"},
		"children": []object{{"table": "order_lines", "parent": object{"order_number": "number"}, "each": "detail.data.order.items",
			"key": []string{"order_number", "item_id"}, "replace": true,
			"columns": object{"item_id": "#itemId#", "sku": "#code#", "name": "#name#", "quantity": "#amount#", "unit": "#amountUnit#",
				"price_with_vat": "#itemPrice.withVat#", "vat_rate": "#itemPrice.vatRate#"}}}}
}
