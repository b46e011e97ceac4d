package store

import (
	"fmt"
	"strings"
)

// Finding is one place where what is stored is not what it was. It is also the
// error of whoever comes across a row that cannot be read.
type Finding struct {
	File, Table string // file or database, table or collection
	Row         string // a reference and version, a key, or a row id; "" for a whole table
	Column      string // "" if it is about the row
	What        string // a sentence without patient data
}

// Error names the place first.
func (f *Finding) Error() string {
	place := []string{f.File}
	if f.Table != "" {
		place = append(place, "table "+f.Table)
	}
	if f.Row != "" {
		place = append(place, "row "+f.Row)
	}
	if f.Column != "" {
		place = append(place, "column "+f.Column)
	}
	return fmt.Sprintf("%s: %s", strings.Join(place, ", "), f.What)
}
