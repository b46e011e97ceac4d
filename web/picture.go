package web

import (
	"fmt"
	"unicode/utf8"
)

// Picture is a proof as a drawing: the record at the bottom, above it its leaf, the
// path to the root with a sibling beside each node, the checkpoint, the block.
type Picture struct {
	Width, Height int
	Title, Text   string // the drawing in words
	Boxes         []Box
	Lines         []Line
}

// Box is one thing in the drawing.
type Box struct {
	X, Y, W, H   int
	Kind         string // its class in the stylesheet
	Label, Value string
	Full         string // what Value is short for
}

// Line joins two boxes; Kind is its class in the stylesheet.
type Line struct{ Path, Kind string }

// Measures of the drawing in its own units; a phone shows it at nine tenths. labelWidth
// is in letters.
const (
	pictureWidth = 400
	margin       = 2
	boxHeight    = 42
	rowHeight    = 66
	wideBox      = 320
	spineBox     = 132
	sideBox      = 120
	labelWidth   = 16
	spine        = pictureWidth / 2
)

// Middle, LabelAt and ValueAt place the texts of a box.
func (b Box) Middle() int  { return b.X + b.W/2 }
func (b Box) LabelAt() int { return b.Y + 17 }
func (b Box) ValueAt() int { return b.Y + 34 }

// draw lays the rows out from the bottom to the top.
func draw(p Proof) Picture {
	rows := len(p.Path) + 4
	d := Picture{Width: pictureWidth, Height: rows*rowHeight - (rowHeight - boxHeight) + 2*margin}
	d.Title = fmt.Sprintf("Proof of record %s of %s", count(p.Seq), p.Source)
	d.stand(0, wideBox, "record", "record "+count(p.Seq), fit(p.Source, 34), p.Source)
	d.join(0, "hashed")
	d.stand(1, spineBox, "leaf", "leaf", short(hash(p.Leaf)), hash(p.Leaf))
	for i, s := range p.Path {
		d.beside(i+1, s)
		kind, name := "node", label(s.BelowFrom, s.BelowTo)
		if i == len(p.Path)-1 {
			kind, name = "root", "root"
		}
		d.join(i+1, "hashed")
		d.stand(i+2, spineBox, kind, name, short(hash(s.Node)), hash(s.Node))
	}
	d.join(rows-3, "signed")
	d.stand(rows-2, wideBox, "checkpoint", "signed checkpoint", records(p.Size), hash(p.Root))
	d.ledger(rows-1, p)
	d.Text = inWords(p)
	return d
}

func (d *Picture) ledger(row int, p Proof) {
	a := p.Anchor
	if a == nil {
		d.join(row-1, "missing")
		d.stand(row, wideBox, "absent", "block", p.NoBlock(), "")
		return
	}
	name := fmt.Sprintf("block %d of %s", a.Block, fit(a.Channel, 24))
	if a.BlockHash == "" {
		d.join(row-1, "missing")
		d.stand(row, wideBox, "absent", name, "no evidence now", a.Transaction)
		return
	}
	d.join(row-1, "signed")
	d.stand(row, wideBox, "block", name, fmt.Sprintf("%s, endorsed by %d", short(a.BlockHash), a.Endorsements), a.BlockHash)
}

// NoBlock says why a proof has no block.
func (p Proof) NoBlock() string {
	if p.Waits {
		return "not anchored yet"
	}
	return "none in this proof"
}

// label names the records below a hash, as precisely as a box has room for.
func label(from, to int64) string {
	s := span(from, to)
	if utf8.RuneCountInString(s) > labelWidth {
		s = fmt.Sprintf("%d–%d", from, to-1)
	}
	if utf8.RuneCountInString(s) > labelWidth {
		s = fmt.Sprintf("from %d", from)
	}
	return s
}

func (d *Picture) top(row int) int { return d.Height - margin - boxHeight - row*rowHeight }

// stand puts a box on the spine.
func (d *Picture) stand(row, width int, kind, label, value, full string) {
	d.Boxes = append(d.Boxes, Box{spine - width/2, d.top(row), width, boxHeight, kind, label, value, full})
}

// join draws the spine from a row to the one above.
func (d *Picture) join(row int, kind string) {
	d.Lines = append(d.Lines, Line{fmt.Sprintf("M%d %d V%d", spine, d.top(row), d.top(row+1)+boxHeight), kind})
}

// beside puts the sibling next to a row, and leads it into the spine above.
func (d *Picture) beside(row int, s Step) {
	x := margin
	if !s.Left {
		x = pictureWidth - margin - sideBox
	}
	y := d.top(row)
	d.Boxes = append(d.Boxes, Box{x, y, sideBox, boxHeight, "side", label(s.BesideFrom, s.BesideTo), short(hash(s.Sibling)), hash(s.Sibling)})
	d.Lines = append(d.Lines, Line{fmt.Sprintf("M%d %d V%d H%d", x+sideBox/2, y, y-(rowHeight-boxHeight)/2, spine), "side"})
}

func inWords(p Proof) string {
	end := "block: " + p.NoBlock()
	if a := p.Anchor; a != nil && a.BlockHash != "" {
		end = fmt.Sprintf("block %d of channel %s holds the checkpoint, which %d peers have signed", a.Block, a.Channel, a.Endorsements)
	} else if a != nil {
		end = fmt.Sprintf("the node has noted block %d of channel %s, and there is no evidence now", a.Block, a.Channel)
	}
	return fmt.Sprintf("From bottom to top: the record is hashed to a leaf; with %d hashes beside it, the leaf leads to the root; a signed checkpoint over %s holds that root; %s. The table below has every hash in full.",
		len(p.Path), records(p.Size), end)
}
