// Package paper makes PDF documents for people: a title, headings, paragraphs and lists on
// A4, with page numbers, in a font that has Latin, Greek and Cyrillic letters.
//
// It does not know what the documents say, and makes no other layout.
package paper

import (
	"bytes"
	_ "embed" // the fonts
	"fmt"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

//go:embed fonts/DejaVuSansCondensed.ttf
var regular []byte

//go:embed fonts/DejaVuSansCondensed-Bold.ttf
var bold []byte

// Sizes in points, lengths in millimetres.
const (
	family = "DejaVu"
	margin = 22
	small  = 8.5
	body   = 10
	line   = 5
)

// Paper is a document that is being written, from top to bottom.
type Paper struct{ pdf *fpdf.Fpdf }

// New begins a document. foot is on every page, beside its number. at is when it was made.
func New(title, language, foot string, at time.Time) *Paper {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.AddUTF8FontFromBytes(family, "", regular)
	pdf.AddUTF8FontFromBytes(family, "B", bold)
	pdf.SetTitle(title, true)
	pdf.SetLang(language)
	pdf.SetCreator("Aceso", true)
	pdf.SetCreationDate(at)
	pdf.SetModificationDate(at)
	pdf.SetCatalogSort(true)
	pdf.SetMargins(margin, margin, margin)
	pdf.SetAutoPageBreak(true, margin)
	pdf.AliasNbPages("{pages}")
	pdf.SetFooterFunc(func() {
		pdf.SetY(-margin + 6)
		pdf.SetX(margin)
		pdf.SetFont(family, "", small)
		pdf.CellFormat(130, line, foot, "", 0, "L", false, 0, "")
		pdf.CellFormat(0, line, fmt.Sprintf("%d/{pages}", pdf.PageNo()), "", 0, "R", false, 0, "")
	})
	pdf.AddPage()
	p := &Paper{pdf}
	p.write("B", 18, 8, title, 0)
	return p
}

// Heading begins a part.
func (p *Paper) Heading(text string) {
	p.pdf.Ln(3)
	p.keep(20)
	p.write("B", 13, 6.5, text, 0)
}

// Under begins a part of a part.
func (p *Paper) Under(text string) {
	p.pdf.Ln(1.5)
	p.keep(15)
	p.write("B", body, line, text, 0)
}

// Text is a paragraph.
func (p *Paper) Text(text string) { p.write("", body, line, text, 0) }

// Small is a paragraph in small letters.
func (p *Paper) Small(text string) { p.write("", small, 4.2, text, 0) }

// Item is one of a list, with a label in front.
func (p *Paper) Item(label, text string) {
	p.keep(line)
	p.pdf.SetFont(family, "", body)
	y := p.pdf.GetY()
	p.pdf.CellFormat(26, line, label, "", 0, "L", false, 0, "")
	p.pdf.SetY(y)
	p.write("", body, line, text, 26)
}

// keep begins a new page if there are not that many millimetres left on this one.
func (p *Paper) keep(height float64) {
	_, page := p.pdf.GetPageSize()
	if p.pdf.GetY()+height > page-margin {
		p.pdf.AddPage()
	}
}

func (p *Paper) write(style string, size, height float64, text string, indent float64) {
	p.pdf.SetFont(family, style, size)
	p.pdf.SetLeftMargin(margin + indent)
	p.pdf.SetX(margin + indent)
	p.pdf.MultiCell(0, height, text, "", "L", false)
	p.pdf.SetLeftMargin(margin)
	p.pdf.SetX(margin)
	p.pdf.Ln(1)
}

// Bytes ends the document.
func (p *Paper) Bytes() ([]byte, error) {
	var b bytes.Buffer
	err := p.pdf.Output(&b)
	return b.Bytes(), err
}
