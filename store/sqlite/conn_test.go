package sqlite

import "testing"

// A statement keeps its parameters for the next use, so each use must give all of them.
func TestStatementWantsAllItsParameters(t *testing.T) {
	s := open(t, t.TempDir(), options())
	err := s.read.use(t.Context(), func(c conn) error {
		const query = "SELECT ? + ?"
		if n, err := c.number(query, 1, 2); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := c.number(query, 5); err == nil {
			t.Errorf("5 and what was left over are %d", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
