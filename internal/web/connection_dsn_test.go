package web

import (
	"testing"

	"hacek/internal/hub"
)

func TestADSNIsTakenApartAndPutTogether(t *testing.T) {
	for _, c := range []struct {
		driver, dsn, where string
		whole              bool
	}{
		{hub.DriverPostgres, "postgres://hub:a%20p%40ss%2Fword@db.example:5433/erp?sslmode=verify-full&timezone=Europe%2FPrague", "db.example:5433/erp", false},
		{hub.DriverPostgres, "postgres://hub:x@[::1]:5432/erp", "[::1]:5432/erp", false},
		{hub.DriverPostgres, "postgres://hub:x@db.example/erp?search_path=money", hub.Masked, true},
		{hub.DriverPostgres, "host=db.example user=hub password='secret' dbname=erp", hub.Masked, true},
		{hub.DriverMySQL, "hub:p@ss:w/ord@tcp(db.example:3306)/erp?tls=true&loc=Europe%2FPrague", "db.example:3306/erp", false},
		{hub.DriverMySQL, "hub:x@unix(/run/mysqld/mysqld.sock)/erp", hub.Masked, true},
		{hub.DriverSQLite, "erp.db", "erp.db", false},
		{hub.DriverSQLite, "erp.db?timezone=Europe%2FPrague", "erp.db", false},
	} {
		parts := splitDSN(c.driver, c.dsn)
		if parts.Whole != c.whole || parts.where() != c.where {
			t.Errorf("%s: whole %t, where %q; want %t, %q", c.dsn, parts.Whole, parts.where(), c.whole, c.where)
		}
		if !c.whole && joinDSN(c.driver, parts) != c.dsn {
			t.Errorf("%s became %s", c.dsn, joinDSN(c.driver, parts))
		}
	}
}

func TestASchemaFitsItsSample(t *testing.T) {
	made, err := schemaOf([]byte(`{"order":{"code":"1","total":12.50,"items":[{"n":1}],"paid":true,"note":null}}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "properties": {
    "order": {
      "properties": {
        "code": {
          "type": [
            "string",
            "null"
          ]
        },
        "items": {
          "items": {
            "properties": {
              "n": {
                "type": [
                  "number",
                  "null"
                ]
              }
            },
            "type": "object"
          },
          "type": "array"
        },
        "note": {},
        "paid": {
          "type": [
            "boolean",
            "null"
          ]
        },
        "total": {
          "type": [
            "number",
            "null"
          ]
        }
      },
      "type": "object"
    }
  },
  "type": "object"
}`
	if made != want {
		t.Errorf("got %s", made)
	}
	for _, broken := range []string{"", "{", "{} {}"} {
		if _, err := schemaOf([]byte(broken)); err == nil {
			t.Errorf("%q has a schema", broken)
		}
	}
}
