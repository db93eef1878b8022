package packs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"hacek/internal/hub"
)

// databaseTableFile is a table that a pipeline writes: columns with their kinds, in order.
type databaseTableFile struct {
	Table   string    `yaml:"table"`
	Key     []string  `yaml:"key"`
	Columns yaml.Node `yaml:"columns"`
}

// columnTypes are the kinds of columns in each database's words. SQLite would keep an amount as a floating number, so
// there it is a text.
func columnTypes() map[string]map[string]string {
	return map[string]map[string]string{
		hub.DriverPostgres: {"name": "varchar(64)", "text": "text", "whole": "numeric(20,0)", "money": "numeric(20,2)",
			"quantity": "numeric(15,3)", "truth": "boolean", "moment": "timestamptz"},
		hub.DriverMySQL: {"name": "varchar(64)", "text": "text", "whole": "decimal(20,0)", "money": "decimal(20,2)",
			"quantity": "decimal(15,3)", "truth": "boolean", "moment": "datetime"},
		hub.DriverSQLite: {"name": "VARCHAR(64)", "text": "TEXT", "whole": "TEXT", "money": "TEXT",
			"quantity": "TEXT", "truth": "BOOLEAN", "moment": "DATETIME"},
	}
}

// database writes the statements that make the tables, for each driver.
func database(tables []databaseTableFile) (map[string][]string, error) {
	if len(tables) == 0 {
		return nil, nil
	}
	all := map[string][]string{}
	for driver, types := range columnTypes() {
		for i := range tables {
			text, err := createTable(&tables[i], driver, types)
			if err != nil {
				return nil, fmt.Errorf("table %s: %w", tables[i].Table, err)
			}
			all[driver] = append(all[driver], text)
		}
	}
	return all, nil
}

func createTable(t *databaseTableFile, driver string, types map[string]string) (string, error) {
	if len(t.Key) == 0 {
		return "", errors.New("it has no key")
	}
	var lines, names []string
	for i := 0; i+1 < len(t.Columns.Content); i += 2 {
		name, kind := t.Columns.Content[i].Value, t.Columns.Content[i+1].Value
		line, known := types[kind]
		if !known {
			return "", fmt.Errorf("column %s: no kind %q", name, kind)
		}
		if slices.Contains(t.Key, name) {
			line += " NOT NULL"
		}
		lines, names = append(lines, "  "+name+" "+line), append(names, name)
	}
	for _, name := range t.Key {
		if !slices.Contains(names, name) {
			return "", fmt.Errorf("the key %s is no column", name)
		}
	}
	lines = append(lines, "  PRIMARY KEY ("+strings.Join(t.Key, ", ")+")")
	text := "CREATE TABLE " + t.Table + " (\n" + strings.Join(lines, ",\n") + "\n)"
	if driver == hub.DriverMySQL {
		text += " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
	}
	return text, nil
}
