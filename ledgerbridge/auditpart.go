package ledgerbridge

import (
	"context"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/tlog"
)

// TreeHead says what the first Size rows of a log are: their tree has this root.
type TreeHead struct {
	Size int64
	Root [32]byte
}

// Continues checks that a log still begins with the rows of an earlier head: that of the
// last checkpoint, proven by the stored tiles, extends it. A log with fewer rows than
// that is a *Damage: an older state was restored, or rows were cut off.
func (j *Journal) Continues(ctx context.Context, h TreeHead) (bool, error) {
	last := j.Last()
	if last.Size < h.Size {
		return false, shrunk(j.Source(), last.Size, h.Size)
	}
	if h.Size == 0 {
		return true, nil
	}
	path, err := j.Consistency(ctx, h.Size, last.Size)
	if err != nil {
		return false, err
	}
	return VerifyConsistency(Checkpoint{Source: j.Source(), Size: h.Size, Root: h.Root}, last, path) == nil, nil
}

func shrunk(source string, size, verified int64) *Damage {
	return &Damage{Source: source, Seq: -1, Column: "checkpoint", What: fmt.Sprintf(
		"the last one covers %d rows, and %d were there when they were verified: an older state was restored, or rows and checkpoints were cut off", size, verified)}
}

// goOn begins an audit where an earlier one ended.
func (a *audit) goOn(ctx context.Context) error {
	from := a.cfg.From
	if from.Size == 0 {
		return nil
	}
	head, err := a.cfg.Ledger.Head(ctx, a.source)
	if err != nil {
		return fmt.Errorf("audit of %s: %w", a.source, err)
	}
	if head.Size < from.Size {
		return shrunk(a.source, head.Size, from.Size)
	}
	if a.tree, err = openTree(ctx, a.cfg.Log, Head{Size: from.Size, Root: from.Root}); err != nil {
		return err
	}
	a.seen.Rows, a.seen.Size, a.seen.Head = from.Size, from.Size, from
	return nil
}

// AuditPart checks the rows from <= seq < to as Audit does, and against the tree of a
// head that covers them: with what the tiles say of all other rows they give its root.
func (j *Journal) AuditPart(ctx context.Context, h TreeHead, from, to int64, visit func(*Row) error) error {
	log := j.cfg.Log
	p := auditedPart{ctx: ctx, log: log, rows: ranges.NewEmptyRange(uint64(from)), tiles: map[int]Tile{}}
	err := eachRow(ctx, log, from, to, func(row *Row) error {
		if err := CheckRow(log.Source(), row.Seq, row); err != nil {
			return err
		}
		if err := p.add(row); err != nil || visit == nil {
			return err
		}
		return visit(row)
	})
	if err != nil {
		return err
	}
	root, err := p.within(h.Size)
	if err == nil && root != h.Root {
		err = &Damage{Source: log.Source(), Seq: -1, Column: "tiles", What: fmt.Sprintf("rows %d to %d and the stored tiles do not give the root of the first %d rows that was verified before", from, to-1, h.Size)}
	}
	return err
}

// AuditFrom audits what the log of the journal has beyond a head; see AuditConfig.From.
func (j *Journal) AuditFrom(ctx context.Context, from TreeHead, visit func(*Row) error) (Audited, error) {
	return Audit(ctx, AuditConfig{Log: j.cfg.Log, Ledger: j.cfg.Ledger, Keys: j.cfg.Keys, From: from}, visit)
}

// auditedPart compares rows with the tiles that hold their hashes.
type auditedPart struct {
	ctx   context.Context
	log   Log
	rows  *compact.Range
	tiles map[int]Tile // the last one read of each level
}

func (p *auditedPart) add(row *Row) (err error) {
	appended := p.rows.Append(hashLeaf(row.Commitment[:]), func(id compact.NodeID, hash []byte) {
		if err == nil && id.Level%tileHeight == 0 {
			err = p.compare(int(id.Level/tileHeight), int64(id.Index), hash)
		}
	})
	if err == nil {
		err = appended
	}
	return err
}

// compare compares a hash with the one that its tile holds.
func (p *auditedPart) compare(level int, index int64, hash []byte) error {
	t, ok := p.tiles[level]
	at := index % tileWidth
	if !ok || t.Index != index/tileWidth {
		data, err := readTile(p.ctx, p.log, level, index/tileWidth, at+1)
		if err != nil {
			return err
		}
		t = Tile{Level: level, Index: index / tileWidth, Data: data}
		p.tiles[level] = t
	}
	if int64(len(t.Data)) < (at+1)*hashSize || string(t.Data[at*hashSize:(at+1)*hashSize]) != string(hash) {
		return tileDamage(p.log, level, t.Index, "holds hashes that the rows do not give")
	}
	return nil
}

// within joins the rows with what the tiles say of those before and after them, and
// returns the root of the tree of that size.
func (p *auditedPart) within(size int64) (root [32]byte, err error) {
	whole, err := p.stored(0, p.rows.Begin())
	if err != nil {
		return root, err
	}
	after, err := p.stored(p.rows.End(), uint64(size))
	if err != nil {
		return root, err
	}
	for _, more := range []*compact.Range{p.rows, after} {
		if err := whole.AppendRange(more, nil); err != nil {
			return root, err
		}
	}
	return rootOf(whole), nil
}

// stored is what the tiles say of a range of rows.
func (p *auditedPart) stored(from, to uint64) (*compact.Range, error) {
	var indexes []int64
	for _, id := range compact.RangeNodes(from, to, nil) {
		indexes = append(indexes, tlog.StoredHashIndex(int(id.Level), int64(id.Index)))
	}
	hashes, err := readNodes(p.ctx, p.log).ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	all := make([][]byte, len(hashes))
	for i := range hashes {
		all[i] = hashes[i][:]
	}
	return ranges.NewRange(from, to, all)
}
