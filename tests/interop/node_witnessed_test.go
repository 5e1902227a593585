package interop

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"filippo.io/torchwood"
	"witan.test/interop/peer"
)

func trustFile(n *peer.Node) string { return filepath.Join(n.Dir, "trust.toml") }

// checkWitnessed wants a checkpoint with the log's signature and all cosignatures, and proofs of the statements that
// carry them too: torchwood and Witan are to find them right, by the same policy.
func checkWitnessed(t *testing.T, n *peer.Node, policy torchwood.Policy, statements []peer.Statement,
	size int64, cosignatures int) {
	t.Helper()
	signed, err := peer.GetOK(n.URL + "/checkpoint")
	must(t, err)
	checkpoint, opened, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil || checkpoint.N != size || len(opened.Sigs) != 1+cosignatures {
		t.Fatalf("not size %d with %d cosignatures: %v\n%s", size, cosignatures, err, signed)
	}
	for _, s := range statements {
		proof, err := peer.GetOK(n.URL + "/entries/" + s.ID() + ".tlog-proof")
		must(t, err)
		if err := torchwood.VerifyProof(policy, tlog.RecordHash(s.Entry[:]), proof); err != nil {
			t.Errorf("torchwood refuses a tlog-proof: %v\n%s", err, proof)
		}
		if _, err := peer.Run(witan, "verify", "--statement", s.File, "--receipt", s.File+".receipt",
			"--policy", trustFile(n), "--issuer-key", n.IssuerKey()+".pub"); err != nil {
			t.Errorf("Witan refuses its receipt: %v", err)
		}
	}
}

// checkMLDSA wants omniwitness's ML-DSA line in the checkpoint, or the node saying why it is not.
func checkMLDSA(t *testing.T, n *peer.Node) {
	t.Helper()
	checkpoint, err := peer.GetOK(n.URL + "/checkpoint")
	must(t, err)
	status, err := peer.GetOK(n.URL + "/status")
	must(t, err)
	lines := strings.Count(string(checkpoint), "— witness.example/omni ")
	reported := contains(string(status), "this build cannot check ML-DSA-44")
	if !(lines == 2 && !reported || lines == 1 && reported) {
		t.Errorf("omniwitness's two keys gave:\n%s%s", checkpoint, status)
	}
}

// A node publishes what litewitness, omniwitness and a Witan witness have all cosigned.
func TestPeersCosignNode(t *testing.T) {
	t.Parallel()
	n := makeNode(t, nodeOrigin)
	w := startWitness(t, "witness.example/witan")
	addLog(t, w, n.VKey, nodeOrigin)
	lite := startLitewitness(t, "witness.example/lite",
		peer.KnownLog{Origin: nodeOrigin, VKey: n.VKey, Root: emptyRoot})
	witnesses := [][3]string{{"witan", w.VKey, w.URL}, {"lite", lite.VKey, lite.URL}}
	besides := "" // for torchwood, which knows no ML-DSA, not part of the policy
	if omni := startOmniwitness(t, "witness.example/omni", n.VKey, nodeOrigin); omni != nil {
		witnesses = append(witnesses, [3]string{"omni", omni.VKey, omni.URL})
		besides = fmt.Sprintf("witness omni-mldsa %s %s\n", omni.MLDSAVKey, omni.URL)
	}
	text := policyText(n.VKey, witnesses...)
	write(t, filepath.Join(n.Dir, "witnesses.policy"), text+besides)
	must(t, n.Configure("witan.toml", "[witnesses]\npolicy = \"witnesses.policy\"\n"))
	must(t, n.Start())
	write(t, trustFile(n), "[log]\ntlog_policy_file = \"witnesses.policy\"\n")
	policy, err := torchwood.ParsePolicy([]byte(text))
	must(t, err)
	statements, err := n.Register(5)
	must(t, err)
	if besides != "" {
		checkMLDSA(t, n)
	}
	checkWitnessed(t, n, policy, statements, 7, len(witnesses))

	// Without litewitness nothing is published; when it is back, everything is.
	lite.Stop()
	waiting, err := n.Sign()
	must(t, err)
	accepted, err := n.Post(waiting, "respond-async")
	must(t, err)
	if accepted.Status != http.StatusAccepted {
		t.Errorf("without a quorum: %d: %s", accepted.Status, accepted.Body)
	}
	locator := n.URL + "/entries/" + waiting.ID()
	if got, err := peer.Get(locator); err != nil || got.Status != http.StatusNoContent {
		t.Errorf("a receipt without a quorum: %+v, %v", got, err)
	}
	must(t, lite.Start())
	var receipt peer.Answer
	await(t, "the receipt after litewitness came back", func() bool {
		receipt, err = peer.Get(locator)
		return err == nil && receipt.Status == http.StatusOK
	})
	must(t, os.WriteFile(waiting.File+".receipt", receipt.Body, 0o644))
	checkWitnessed(t, n, policy, []peer.Statement{waiting}, 8, len(witnesses))
	page, err := peer.GetOK(lite.URL + "/")
	must(t, err)
	if !contains(string(page), "(size 8, root ") {
		t.Errorf("litewitness's page does not say that it is at size 8:\n%s", page)
	}
}
