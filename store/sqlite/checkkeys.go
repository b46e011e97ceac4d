package sqlite

import "strconv"

// check finds keys of parts that are damaged. Which are missing only the records know.
func (k *keyFile) check(c *checker) error {
	k.mu.Lock()
	_, err := k.opened()
	k.mu.Unlock()
	if err != nil {
		return err
	}
	return k.scan(func(n int, s *slot) error {
		if n == 0 || s.free() || s.whole() {
			return c.ctx.Err()
		}
		again, err := k.load(n) // another process may have been writing it
		if err == nil && !again.free() && !again.whole() {
			c.found("slots", strconv.Itoa(n), "", "a key of parts does not match its checksum")
		}
		return err
	})
}
