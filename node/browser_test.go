package node

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is one tab of a real one, spoken to by the DevTools protocol over a pipe.
// Scripts of pages are switched off, names do not resolve.
type browser struct {
	t       *testing.T
	to      *os.File
	session string
	replies chan devtools

	mu       sync.Mutex
	last     int
	loaded   chan struct{}
	asked    []string // URLs
	problems []string // what the console says
	clicks   int
}

// devtools is a message of the protocol, in either direction.
type devtools struct {
	ID      int                       `json:"id,omitempty"`
	Session string                    `json:"sessionId,omitempty"`
	Method  string                    `json:"method,omitempty"`
	Params  json.RawMessage           `json:"params,omitempty"`
	Result  json.RawMessage           `json:"result,omitempty"`
	Error   *struct{ Message string } `json:"error,omitempty"`
}

// openBrowser starts Chromium, or skips the test where there is none.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"google-chrome", "chromium-browser", "chromium"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
		}
	}
	if path == "" {
		t.Skip("SKIPPED: no chromium on the PATH, so the pages were not seen by a real browser")
	}
	args := []string{
		"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "--no-first-run", "--disable-gpu",
		"--hide-scrollbars", "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // it cannot be had as root
	}
	in, to := pipe(t)
	from, out := pipe(t)
	chromium := exec.Command(path, args...)
	chromium.ExtraFiles = []*os.File{in, out}
	if err := chromium.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = in.Close(), out.Close()
	b := &browser{t: t, to: to, replies: make(chan devtools, 16), loaded: make(chan struct{}, 16)}
	go b.listen(from)
	t.Cleanup(func() {
		_ = to.Close() // which ends it
		late := time.AfterFunc(20*time.Second, func() { _ = chromium.Process.Kill() })
		defer late.Stop()
		_ = chromium.Wait()
	})
	b.open()
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// open makes the tab.
func (b *browser) open() {
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		b.call(domain+".enable", nil, nil)
	}
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
}

// listen reads messages until the browser ends. They end with a zero byte.
func (b *browser) listen(from *os.File) {
	r := bufio.NewReaderSize(from, 1<<20)
	for {
		data, err := r.ReadBytes(0)
		if err != nil {
			close(b.replies)
			return
		}
		var m devtools
		if json.Unmarshal(data[:len(data)-1], &m) != nil {
			continue
		}
		if m.ID != 0 {
			b.replies <- m
			continue
		}
		b.notice(m)
	}
}

func (b *browser) notice(m devtools) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m.Method {
	case "Page.loadEventFired":
		b.loaded <- struct{}{}
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		_ = json.Unmarshal(m.Params, &p)
		b.asked = append(b.asked, p.Request.URL)
	case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
		b.problems = append(b.problems, string(m.Params))
	}
}

// call asks for one thing and waits for the answer.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	if err := b.ask(method, params, result); err != nil {
		b.t.Fatal(err)
	}
}

// ask is call that may fail, as it does in a page that is left.
func (b *browser) ask(method string, params, result any) error {
	b.t.Helper()
	if params == nil {
		params = struct{}{}
	}
	raw, err := json.Marshal(params)
	if err != nil {
		b.t.Fatal(err)
	}
	b.last++
	message, err := json.Marshal(devtools{ID: b.last, Session: b.session, Method: method, Params: raw})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(message, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case m, open := <-b.replies:
		switch {
		case !open || m.ID != b.last:
			b.t.Fatalf("%s: open %v, %+v", method, open, m.Error)
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case result != nil:
			return json.Unmarshal(m.Result, result)
		}
	case <-time.After(time.Minute):
		b.t.Fatalf("%s: the browser does not answer", method)
	}
	return nil
}

// scripts lets pages run theirs.
func (b *browser) scripts() {
	b.t.Helper()
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil)
}

// awaits waits until the page has words, however it comes to be there.
func (b *browser) awaits(words string) {
	b.t.Helper()
	var r struct{ Result struct{ Value any } }
	for range 300 {
		expression := fmt.Sprintf("document.readyState === 'complete' && document.body.innerText.includes(%q)", words)
		if b.ask("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &r) == nil && r.Result.Value == true {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("no %q on the page:\n%s\n%q", words, b.look("location.href + '\\n' + document.body.innerText"), b.complaints())
}

// during waits for the page that an action leads to.
func (b *browser) during(action func()) {
	b.t.Helper()
	for len(b.loaded) > 0 {
		<-b.loaded
	}
	action()
	select {
	case <-b.loaded:
	case <-time.After(time.Minute):
		b.t.Fatal("no page was loaded")
	}
}

func (b *browser) visit(url string) {
	b.t.Helper()
	b.during(func() { b.call("Page.navigate", map[string]any{"url": url}, nil) })
}

// look evaluates an expression in the page, as a reader's eyes would.
func (b *browser) look(expression string) string {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &r)
	if len(r.ExceptionDetails) > 0 {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	return fmt.Sprint(r.Result.Value)
}

func (b *browser) text() string { b.t.Helper(); return b.look("document.body.innerText") }

// fill types into a field and presses Enter.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.click(selector)
	b.call("Input.insertText", map[string]any{"text": text}, nil)
	b.during(func() {
		for _, kind := range []string{"keyDown", "keyUp"} {
			b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}, nil)
		}
	})
}

// click moves the mouse there and clicks.
func (b *browser) click(selector string) {
	b.t.Helper()
	place := b.look(fmt.Sprintf(`(e => { e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return (r.x + r.width/2) + " " + (r.y + r.height/2) })(document.querySelector(%q))`, selector))
	var x, y float64
	if _, err := fmt.Sscan(place, &x, &y); err != nil {
		b.t.Fatalf("%s is at %q", selector, place)
	}
	b.clicks++
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}, nil)
	}
}

// screen sets the size of the window and the reader's preference.
func (b *browser) screen(width, height int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// shoot takes a picture of the whole page. ACESO_SCREENSHOTS names a folder to keep it in.
func (b *browser) shoot(name string) []byte {
	b.t.Helper()
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if dir := os.Getenv("ACESO_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	return png
}

// complaints are what the console says, but for answers that are errors, and for what is
// no more than a remark.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.problems), func(p string) bool {
		return strings.Contains(p, `"level":"info"`) || strings.Contains(p, "status of 401") || strings.Contains(p, "status of 404")
	})
}

// onlyAsked says that the browser spoke to nobody but the server.
func (b *browser) onlyAsked(url string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	foreign := slices.DeleteFunc(slices.Clone(b.asked), func(u string) bool {
		return strings.HasPrefix(u, url+"/ui/") || u == url+"/favicon.ico" || strings.HasPrefix(u, "data:")
	}) // the browser draws its own buttons with data:
	if len(b.asked) == 0 || len(foreign) > 0 {
		b.t.Errorf("of %d requests, some went elsewhere: %q", len(b.asked), foreign)
	}
}
