package devnet

import "fmt"

// Status describes a network and its processes.
type Status struct {
	Dir       string    `json:"dir"`
	Network   string    `json:"network"`           // for people
	Warning   string    `json:"warning,omitempty"` // one organisation alone proves nothing
	Processes []Process `json:"processes"`
}

// Process is an orderer, a peer or a chaincode.
type Process struct {
	Name    string `json:"name"`
	State   string `json:"state"`         // running, stopped, ended: how
	PID     int    `json:"pid,omitempty"` // if it runs
	Address string `json:"address"`
	Log     string `json:"log"` // file
}

const singleWarning = "one organisation endorses alone: this network is for development, its anchors are worth no more than that organisation's word"

// Status describes the network now.
func (n *Network) Status() Status {
	s := Status{Dir: n.dir, Network: n.plan.String()}
	if len(n.plan.Orgs) == 1 {
		s.Warning = singleWarning
	}
	for _, p := range n.all() {
		s.Processes = append(s.Processes, p.state())
	}
	return s
}

// String describes the network in words.
func (p plan) String() string {
	kind := "raft"
	if p.BFT {
		kind = "SmartBFT"
	}
	return fmt.Sprintf("%s, %s (%s), blocks after %s", count(len(p.Orgs), "organisation"), count(p.Orderers, "orderer"), kind, p.BatchTimeout)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
