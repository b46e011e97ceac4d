package access

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What nobody waits for ends all the same, and so does what the client has left.
func TestDeadlineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, hangUp := context.WithCancel(t.Context())
		d := lasting(client, time.Second)
		defer d.end()
		hangUp()
		if d.Err() != nil {
			t.Error("ended with its client")
		}
		time.Sleep(time.Second)
		if !errors.Is(d.Err(), context.DeadlineExceeded) {
			t.Errorf("after its time: %v", d.Err())
		}
	})
}

func TestDeadlineWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := lasting(t.Context(), time.Second)
		defer d.end()
		began := time.Now()
		<-d.Done()
		if waited := time.Since(began); waited != time.Second || !errors.Is(d.Err(), context.DeadlineExceeded) {
			t.Errorf("waited %v, then %v", waited, d.Err())
		}
	})
}
