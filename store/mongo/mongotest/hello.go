package mongotest

import (
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"time"
)

func hello(r *request) (document, error) {
	s := r.server
	var list []pair
	writable := pair{"isWritablePrimary", boolValue(true)}
	if r.name != "hello" {
		writable.name = "ismaster"
	}
	if truth(r.field("helloOk")) {
		list = append(list, pair{"helloOk", boolValue(true)})
	}
	if s.standalone {
		list = append(list, writable)
	} else {
		a := stringValue(s.address)
		list = append(list, pair{"hosts", arrayValue(a)}, pair{"setName", stringValue("rs0")}, pair{"setVersion", intValue(1)}, writable,
			pair{"secondary", boolValue(false)}, pair{"primary", a}, pair{"me", a})
	}
	now := value{Type: tDate, Data: bsoncore.AppendDateTime(nil, time.Now().UnixMilli())}
	return okay(append(list, pair{"maxBsonObjectSize", intValue(maxDocument)}, pair{"maxMessageSizeBytes", intValue(maxMessage)},
		pair{"maxWriteBatchSize", intValue(maxBatch)}, pair{"localTime", now}, pair{"logicalSessionTimeoutMinutes", intValue(30)},
		pair{"minWireVersion", intValue(0)}, pair{"maxWireVersion", intValue(9)}, pair{"readOnly", boolValue(false)})...), nil
}
