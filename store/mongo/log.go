package mongo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// entryID is the _id of an entry; ids of a source are in the order of seq.
func entryID(source string, seq int64) string { return fmt.Sprintf("%s/%016d", source, seq) }

// seqOf is the inverse of entryID; -1 if the id is not of that form.
func seqOf(id string) int64 {
	seq, err := strconv.ParseInt(id[strings.LastIndexByte(id, '/')+1:], 10, 64)
	if err != nil {
		return -1
	}
	return seq
}

// between selects the entries of a source with from <= seq < to; to < 0 is no limit.
func between(source string, from, to int64) bson.D {
	end := source + "0" // '0' follows '/'
	if to >= 0 {
		end = entryID(source, to)
	}
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: entryID(source, max(from, 0))}, {Key: "$lt", Value: end}}}}
}

// hasEntry says whether an entry with this _id and commitment is there.
func hasEntry(ctx context.Context, log *mongo.Collection, id string, commitment [32]byte) (bool, error) {
	var e entry
	ok, err := found(log.FindOne(ctx, bson.D{{Key: "_id", Value: id}}, options.FindOne().SetProjection(bson.D{{Key: "c", Value: 1}})).Decode(&e))
	return ok && string(e.Commitment) == string(commitment[:]), err
}

// storedLog is one log of any node. It implements ledgerbridge.Log.
type storedLog struct {
	s      *Store
	log    *mongo.Collection
	source string
}

// Log opens the log of any node. It cannot append.
func (s *Store) Log(source string) ledgerbridge.Log {
	name := "changes"
	if strings.Contains(source, "/accesses.") {
		name = "accesses"
	}
	return &storedLog{s: s, log: s.db.Collection(name), source: source}
}

// Sources are the names of all logs in the database, sorted.
func (s *Store) Sources(ctx context.Context) ([]string, error) {
	heads, err := retried(ctx, s, func(ctx context.Context) ([]head, error) {
		return all[head](ctx, s.heads, bson.D{}, options.Find().SetSort(byID))
	})
	if err != nil {
		return nil, fmt.Errorf("list logs: %w", err)
	}
	var sources []string
	for _, h := range heads {
		sources = append(sources, h.Source)
	}
	return sources, nil
}

// Source is the name of the log.
func (l *storedLog) Source() string { return l.source }

// Size is the number of durable rows: one more than the last sequence number.
func (l *storedLog) Size(ctx context.Context) (size int64, err error) {
	err = l.s.retry(ctx, func(ctx context.Context) error {
		var last entry
		ok, err := found(l.log.FindOne(ctx, between(l.source, 0, -1), options.FindOne().
			SetSort(bson.D{{Key: "_id", Value: -1}}).SetProjection(byID)).Decode(&last))
		if ok {
			size = seqOf(last.ID) + 1
		}
		return err
	})
	return size, err
}

// rowsAtOnce bounds what a visit holds in memory.
const rowsAtOnce = 256

// Rows visits rows from <= seq < to in order.
func (l *storedLog) Rows(ctx context.Context, from, to int64, visit func(ledgerbridge.Row) error) error {
	return l.visit(ctx, from, to, options.Find(), visit)
}

// bareFields are what a tree grows from.
var bareFields = bson.D{{Key: "salt", Value: 1}, {Key: "c", Value: 1}, {Key: "e", Value: 1}}

// BareRows implements ledgerbridge.BareLog.
func (l *storedLog) BareRows(ctx context.Context, from, to int64, visit func(ledgerbridge.Row) error) error {
	return l.visit(ctx, from, to, options.Find().SetProjection(bareFields), visit)
}

func (l *storedLog) visit(ctx context.Context, from, to int64, o *options.FindOptionsBuilder, visit func(ledgerbridge.Row) error) error {
	for from < to {
		batch, err := retried(ctx, l.s, func(ctx context.Context) (rows []ledgerbridge.Row, err error) {
			rows = make([]ledgerbridge.Row, 0, min(to-from, rowsAtOnce))
			err = eachRaw(ctx, l.log, between(l.source, from, to), o.SetSort(byID).SetLimit(rowsAtOnce), func(doc bson.Raw) error {
				row, err := readEntry(doc)
				rows = append(rows, row)
				return err
			})
			return rows, err
		})
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		for i := range batch {
			if err := visit(batch[i]); err != nil {
				return err
			}
		}
		if len(batch) < rowsAtOnce {
			return ctx.Err()
		}
		from = batch[len(batch)-1].Seq + 1
	}
	return nil
}

// tile is a document of the collection tiles.
type tile struct {
	ID   string `bson:"_id"`
	Data []byte `bson:"data"`
}

func (l *storedLog) tileID(level int, index int64) string {
	return fmt.Sprintf("%s/%d/%d", l.source, level, index)
}

// ReadTile returns a stored tile or nil.
func (l *storedLog) ReadTile(ctx context.Context, level int, index int64) ([]byte, error) {
	var t tile
	err := l.s.retry(ctx, func(ctx context.Context) error {
		_, err := found(l.s.tiles.FindOne(ctx, bson.D{{Key: "_id", Value: l.tileID(level, index)}}).Decode(&t))
		return err
	})
	return t.Data, err
}

// WriteTiles stores tiles durably.
func (l *storedLog) WriteTiles(ctx context.Context, tiles []ledgerbridge.Tile) error {
	if len(tiles) == 0 {
		return nil
	}
	var models []mongo.WriteModel
	for _, t := range tiles {
		id := l.tileID(t.Level, t.Index)
		models = append(models, mongo.NewReplaceOneModel().SetUpsert(true).
			SetFilter(bson.D{{Key: "_id", Value: id}}).SetReplacement(tile{id, t.Data}))
	}
	err := l.s.retry(ctx, func(ctx context.Context) error {
		_, err := l.s.tiles.BulkWrite(ctx, models)
		return err
	})
	if err != nil {
		return fmt.Errorf("write tiles: %w", err)
	}
	return nil
}

// Erase empties a patient's parts. Copies stay in the servers' oplog, until it has turned
// over, and in backups: only destroying the key makes what they said unreadable for
// certain.
func (l *storedLog) Erase(ctx context.Context, e ledgerbridge.Erasure) (n int64, err error) {
	if e.Patient == "" {
		return 0, errors.New("erase: no patient given")
	}
	filter := append(between(l.source, 0, -1), bson.E{Key: "p.p", Value: bson.D{{Key: "$in", Value: e.Columns()}}})
	// Small batches: the server drops a cursor that is idle for ten minutes.
	o := options.Find().SetHint(patientIndex).SetBatchSize(rowsAtOnce).SetProjection(bson.D{{Key: "p.p", Value: 1}, {Key: "p.e", Value: 1}, {Key: "p.c", Value: 1}})
	err = each(ctx, l.log, filter, o, func(found *entry) error {
		erased, err := l.eraseParts(ctx, found, e)
		n += erased
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		return nil
	})
	return n, unavailable(err)
}

// eraseParts empties the parts of one entry at once.
func (l *storedLog) eraseParts(ctx context.Context, found *entry, e ledgerbridge.Erasure) (int64, error) {
	parts := found.row().Parts
	at, own := e.Of(parts)
	filter, set := bson.D{{Key: "_id", Value: found.ID}}, bson.D{}
	for _, i := range at {
		p, place := e.Empty(parts[i]), fmt.Sprintf("p.%d", i)
		filter = append(filter, bson.E{Key: place + ".p", Value: parts[i].Patient})
		set = append(set, bson.E{Key: place, Value: part{p.Patient, p.Target, p.Key, p.ErasedBy, p.Salt[:], p.Commitment[:], p.Sealed}})
	}
	r, err := l.log.UpdateOne(ctx, filter, bson.D{{Key: "$set", Value: set}})
	if err != nil {
		return 0, err
	}
	return own * r.ModifiedCount, nil
}
