package mongotest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

// opQuery is the operation that drivers begin with, for old servers.
const opQuery wiremessage.OpCode = 2004

const (
	maxDocument = 16777216
	maxMessage  = 48000000
	maxBatch    = 100000
)

// serve answers the messages of one connection until it breaks.
func (s *Server) serve(c net.Conn) {
	for {
		id, op, body, err := readMessage(c)
		if err != nil {
			return
		}
		r := &request{server: s}
		switch op {
		case opQuery:
			err = r.readQuery(body)
		case wiremessage.OpMsg:
			err = r.readMsg(body)
		default:
			err = fmt.Errorf("operation %v", op)
		}
		if err != nil {
			s.tb.Logf("mongotest: a client sent what is not modelled: %v", err)
			return
		}
		reply, drop := s.run(r)
		if drop {
			return
		}
		if _, err := c.Write(writeMessage(id, op, reply)); err != nil {
			return
		}
	}
}

func readMessage(c net.Conn) (id int32, op wiremessage.OpCode, body []byte, err error) {
	var header [16]byte
	if _, err = io.ReadFull(c, header[:]); err != nil {
		return 0, 0, nil, err
	}
	length, id, _, op, _, _ := wiremessage.ReadHeader(header[:])
	if length < 16 || length > maxMessage {
		return 0, 0, nil, fmt.Errorf("message of %d bytes", length)
	}
	body = make([]byte, length-16)
	_, err = io.ReadFull(c, body)
	return id, op, body, err
}

func writeMessage(to int32, op wiremessage.OpCode, reply document) []byte {
	id := wiremessage.NextRequestID()
	var b []byte
	if op == opQuery {
		_, b = wiremessage.AppendHeaderStart(nil, id, to, wiremessage.OpReply)
		b = wiremessage.AppendReplyFlags(b, wiremessage.AwaitCapable)
		b = wiremessage.AppendReplyCursorID(b, 0)
		b = wiremessage.AppendReplyStartingFrom(b, 0)
		b = wiremessage.AppendReplyNumberReturned(b, 1)
	} else {
		_, b = wiremessage.AppendHeaderStart(nil, id, to, wiremessage.OpMsg)
		b = wiremessage.AppendMsgFlags(b, 0)
		b = wiremessage.AppendMsgSectionType(b, wiremessage.SingleDocument)
	}
	b = append(b, reply...)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	return b
}

// readQuery reads the first message of a client, an OP_QUERY with hello.
func (r *request) readQuery(b []byte) error {
	if len(b) < 4 {
		return io.ErrUnexpectedEOF
	}
	ns, b, _ := bytes.Cut(b[4:], []byte{0}) // after the flags
	db, command := strings.CutSuffix(string(ns), ".$cmd")
	if !command || len(b) < 8 {
		return fmt.Errorf("OP_QUERY on %q", ns)
	}
	query, _, ok := bsoncore.ReadDocument(b[8:]) // after skip and limit
	if !ok || query.Validate() != nil {
		return io.ErrUnexpectedEOF
	}
	r.legacy, r.db = true, db
	r.setBody(query)
	return nil
}

func (r *request) readMsg(b []byte) error {
	flags, b, ok := wiremessage.ReadMsgFlags(b)
	if !ok || flags&(wiremessage.ChecksumPresent|wiremessage.MoreToCome) != 0 {
		return fmt.Errorf("OP_MSG with flags %v: checksums and writes without acknowledgement", flags)
	}
	r.sequences = map[string][]value{}
	var body document
	for len(b) > 0 {
		var kind wiremessage.SectionType
		kind, b, _ = wiremessage.ReadMsgSectionType(b)
		switch kind {
		case wiremessage.SingleDocument:
			body, b, ok = wiremessage.ReadMsgSectionSingleDocument(b)
		case wiremessage.DocumentSequence:
			var name string
			var docs []bsoncore.Document
			name, docs, b, ok = wiremessage.ReadMsgSectionDocumentSequence(b)
			for _, d := range docs {
				ok = ok && d.Validate() == nil
				r.sequences[name] = append(r.sequences[name], documentValue(d))
			}
		default:
			ok = false
		}
		if !ok {
			return fmt.Errorf("OP_MSG with a bad section")
		}
	}
	if body == nil || body.Validate() != nil {
		return fmt.Errorf("OP_MSG without a valid body")
	}
	r.db, _ = field(body, "$db").StringValueOK()
	r.setBody(body)
	return nil
}
