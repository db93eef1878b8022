package tour

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
)

// Kinds of columns of the pretend ERP.
const (
	ofName     = "name" // a short text that may be a key
	ofText     = "text"
	ofNumber   = "number" // up to 20 digits
	ofMoney    = "money"
	ofQuantity = "quantity"
	ofTruth    = "truth"
	ofMoment   = "moment"
)

// erpTable is one table; the first keys columns are its primary key.
type erpTable struct {
	name    string
	keys    int
	columns []erpColumn
}

type erpColumn struct{ name, kind string }

// shopTables are those that the ready pipelines of the shop write; the statements that come with them make them.
func shopTables() []erpTable {
	return []erpTable{
		{"orders", 1, []erpColumn{{"number", ofName}, {"external_code", ofName}, {"status", ofName}, {"paid", ofTruth}, {"currency", ofName},
			{"total_with_vat", ofMoney}, {"total_without_vat", ofMoney}, {"customer_guid", ofName}, {"customer_name", ofText}, {"company", ofText},
			{"company_id", ofName}, {"vat_id", ofName}, {"email", ofText}, {"phone", ofName}, {"street", ofText}, {"house_number", ofName},
			{"city", ofText}, {"zip", ofName}, {"country", ofName}, {"shipping", ofText}, {"payment", ofText}, {"remark", ofText},
			{"created_at", ofMoment}, {"changed_at", ofMoment}}},
		{"order_lines", 2, []erpColumn{{"order_number", ofName}, {"item_id", ofNumber}, {"kind", ofName}, {"sku", ofName}, {"name", ofText},
			{"variant", ofText}, {"quantity", ofQuantity}, {"unit", ofName}, {"price_with_vat", ofMoney}, {"price_without_vat", ofMoney},
			{"vat_rate", ofMoney}}},
		{statesTable, 1, []erpColumn{{"number", ofName}, {"status", ofName}, {"paid", ofTruth}, {"changed_at", ofMoment}}},
		{"customers", 1, []erpColumn{{"guid", ofName}, {"name", ofText}, {"company", ofText}, {"company_id", ofName}, {"vat_id", ofName},
			{"email", ofText}, {"phone", ofName}, {"street", ofText}, {"house_number", ofName}, {"city", ofText}, {"zip", ofName},
			{"country", ofName}, {"customer_group", ofText}, {"changed_at", ofMoment}}},
		{"stocks", 1, []erpColumn{{"id", ofName}, {"variants", ofNumber}}},
		{"stock_levels", 2, []erpColumn{{"stock_id", ofName}, {"sku", ofName}, {"level", ofQuantity}, {"claimed", ofQuantity},
			{"changed_at", ofMoment}}},
	}
}

// erpTables are those that the ERP has from the start.
func erpTables() []erpTable {
	return []erpTable{
		{"payments", 1, []erpColumn{{"id", ofName}, {"amount", ofNumber}, {"currency", ofName}, {"email", ofText}, {"status", ofName},
			{"paid_at", ofMoment}}},
		{"refunds", 1, []erpColumn{{"charge_id", ofName}, {"payment_id", ofName}, {"refunded", ofNumber}, {"currency", ofName}, {"email", ofText}}},
		{"subscriptions", 1, []erpColumn{{"id", ofName}, {"customer_id", ofName}, {"email", ofText}, {"customer_name", ofText}, {"status", ofName},
			{"period_end", ofMoment}}},
	}
}

// types of the kinds in each database. SQLite would make a floating number of an amount, so there it is a text.
func types(driver string) map[string]string {
	switch driver {
	case hub.DriverPostgres:
		return map[string]string{ofName: "varchar(64)", ofText: "text", ofNumber: "numeric(20,0)", ofMoney: "numeric(20,2)",
			ofQuantity: "numeric(12,3)", ofTruth: "boolean", ofMoment: "timestamptz"}
	case hub.DriverMySQL:
		return map[string]string{ofName: "varchar(64)", ofText: "text", ofNumber: "decimal(20,0)", ofMoney: "decimal(20,2)",
			ofQuantity: "decimal(12,3)", ofTruth: "boolean", ofMoment: "datetime"}
	}
	return map[string]string{ofName: "TEXT", ofText: "TEXT", ofNumber: "TEXT", ofMoney: "TEXT", ofQuantity: "TEXT",
		ofTruth: "BOOLEAN", ofMoment: "TEXT"}
}

func (t erpTable) definition(driver string) string {
	kinds := types(driver)
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (", t.name)
	var keys []string
	for i, c := range t.columns {
		fmt.Fprintf(&b, "%s %s", c.name, kinds[c.kind])
		if i < t.keys {
			keys = append(keys, c.name)
			b.WriteString(" NOT NULL")
		}
		b.WriteString(", ")
	}
	fmt.Fprintf(&b, "PRIMARY KEY (%s))", strings.Join(keys, ", "))
	if driver == hub.DriverMySQL {
		b.WriteString(" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin")
	}
	return b.String()
}

// selected is the column as a text in the database's words.
func (c erpColumn) selected(driver, of string) string {
	name := of + c.name
	switch {
	case driver == hub.DriverPostgres && c.kind == ofMoment:
		return "to_char(" + name + ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
	case driver == hub.DriverPostgres:
		return name + "::text"
	case driver == hub.DriverMySQL && c.kind == ofMoment:
		return "date_format(" + name + ", '%Y-%m-%dT%H:%i:%sZ')"
	}
	return "cast(" + name + " AS char)"
}

// same brings the shapes in which databases and systems write one value into one.
func (c erpColumn) same(text string) string {
	switch c.kind {
	case ofTruth:
		switch text {
		case "1", "t":
			return "true"
		case "0", "f":
			return "false"
		}
	case ofMoment:
		for _, layout := range []string{time.RFC3339, shopTime, time.DateTime} { // the last is in UTC, as the hub writes it
			if at, err := time.Parse(layout, text); err == nil {
				return at.UTC().Format(time.RFC3339)
			}
		}
		if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
			return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
		}
	}
	return text
}
