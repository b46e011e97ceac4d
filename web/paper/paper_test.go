package paper_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/web/paper"
)

func write(t *testing.T, at time.Time) []byte {
	t.Helper()
	p := paper.New("Wer hat die Daten gesehen?", "de", "Haus am See", at)
	p.Heading("Łukasz Żółć, Ελένη, Иван")
	p.Under("Behandlung")
	for range 100 {
		p.Item("2026-11-30", strings.Repeat("Hat Daten angesehen. ", 12))
	}
	p.Text("Ende (äöüß €).")
	p.Small("klein")
	body, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// A document is the same each time, and a PDF.
func TestPaper(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	one, other := write(t, at), write(t, at)
	if !bytes.Equal(one, other) || !bytes.HasPrefix(one, []byte("%PDF-1.")) || len(one) > 300_000 {
		t.Errorf("%d and %d bytes, beginning with %q", len(one), len(other), one[:8])
	}
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("SKIPPED: there is no pdftotext (poppler-utils) to read what the document says")
	}
	file := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(file, one, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(tool, file, "-").Output()
	for _, want := range []string{"Wer hat die Daten gesehen?", "Łukasz Żółć, Ελένη, Иван", "Ende (äöüß €).", "Haus am See", "/9", "2026-11-30"} {
		if !strings.Contains(string(text), want) || err != nil {
			t.Errorf("no %q in the document: %v", want, err)
		}
	}
}
