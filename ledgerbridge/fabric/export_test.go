package fabric

import "time"

// Hurry shortens the deadlines, so that a test need not wait for those of a network
// that spans towns.
func (c *Channel) Hurry(d time.Duration) { c.deadlines = deadlines{d, d, d, d} }
