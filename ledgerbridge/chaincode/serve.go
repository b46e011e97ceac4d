package chaincode

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// maxMessage is what peers send and accept.
const maxMessage = 100 << 20

// Serve answers peers on l until ctx ends: chaincode as a service. id is the package
// id that the peers installed; secure is nil for plain connections.
//
// It stops at once: a peer's stream lives as long as the peer, the contract holds no
// state, and clients resend a proposal without answer.
func Serve(ctx context.Context, l net.Listener, id string, secure *tls.Config) error {
	if id == "" {
		return errors.New("chaincode: the package id is missing")
	}
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.ConnectionTimeout(5 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Minute, PermitWithoutStream: true}),
	}
	if secure != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(secure)))
	}
	s := grpc.NewServer(options...)
	peer.RegisterChaincodeServer(s, &shim.ChaincodeServer{CCID: id, CC: Contract{}})
	stop := context.AfterFunc(ctx, s.Stop)
	defer stop()
	if err := s.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("chaincode: %w", err)
	}
	return nil
}
