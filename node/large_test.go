package node

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// largeJSON is a Binary of about 18 MB.
func largeJSON(id string) string {
	return fmt.Sprintf(`{"resourceType":"Binary","id":%q,"contentType":"text/plain","data":%q}`, id, strings.Repeat("QUJD", 18_000_000/4))
}

// peak is how much memory is taken from the system, at most, while do runs.
func peak(do func()) uint64 {
	runtime.GC()
	var most atomic.Uint64
	end, ended := make(chan struct{}), make(chan struct{})
	look := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most.Store(max(most.Load(), m.HeapInuse))
	}
	look()
	before := most.Load()
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(2 * time.Millisecond):
				look()
			}
		}
	}()
	do()
	close(end)
	<-ended
	return most.Load() - before
}

func repeated(kind, url string, n int) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.TrimSuffix(strings.Repeat(`{"request":{"method":"GET","url":"`+url+`"}},`, n), ",") + `]}`
}

// Large documents fill an answer soon. What is beyond says so, or comes with the next page,
// and no short request takes much memory.
func TestAnswersAreBounded(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	for i := range 3 {
		system.Put("/Binary/large", strings.Replace(largeJSON("large"), `"id"`, fmt.Sprintf(`"language":"x%d","id"`, i), 1))
	}
	found := `{"resourceType":"Bundle","type":"transaction","entry":[`
	for i := range 20 {
		found += fmt.Sprintf(`{"resource":{"resourceType":"Binary","contentType":"text/plain"},"request":{"method":"POST","url":"Binary","ifNoneExist":"_id=large,x%d"}},`, i)
	}
	found = strings.TrimSuffix(found, ",") + `]}`
	system.Put("/Binary/other", largeJSON("other")).Want(201)
	system.Put("/List/l", `{"resourceType":"List","id":"l","status":"current","mode":"working","entry":[{"item":{"reference":"Binary/large"}},{"item":{"reference":"Binary/other"}}]}`).Want(201)
	goesOn := func(r response) {
		if !r.Has(`"relation":"next"`) {
			t.Errorf("%s has no next page", r.What)
		}
	}
	for _, c := range []struct {
		name, body, path string
		status           int
		check            func(response)
	}{
		{"batch of reads", repeated("batch", "Binary/large", 20), "/", 200, func(r response) {
			if got := strings.Join(r.Statuses(), " "); got != "200 200"+strings.Repeat(" 413", 18) {
				t.Errorf("statuses %s", got)
			}
		}},
		{"batch of searches", repeated("batch", "Binary?_id=large", 20), "/", 200, nil},
		{"batch of histories", repeated("batch", "Binary/large/_history", 20), "/", 200, nil},
		{"transaction of reads", repeated("transaction", "Binary/large", 20), "/", 413, nil},
		{"transaction of searches", repeated("transaction", "Binary?_id=large,other", 3), "/", 413, nil},
		{"transaction that finds what it would create", found, "/", 413, nil},
		{"search", "", "/Binary?_count=1000", 200, nil},
		{"included", "", "/List?_include=List:item", 200, nil},
		{"history", "", "/Binary/large/_history", 200, goesOn},
		{"histories", "", "/_history", 200, goesOn},
	} {
		method := http.MethodGet
		if c.body != "" {
			method = http.MethodPost
		}
		var r response
		used := peak(func() { r = system.Do(method, c.path, c.body) })
		t.Logf("%s: %d MB for an answer of %d MB", c.name, used>>20, len(r.Body)>>20)
		if r.Status != c.status {
			t.Errorf("%s: %d: %.300s", c.name, r.Status, r.Body)
		}
		if used > 300<<20 {
			t.Errorf("%s: %d MB", c.name, used>>20)
		}
		if c.check != nil {
			c.check(r)
		}
	}
}
