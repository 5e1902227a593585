package interop

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"
	"time"

	tdnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"filippo.io/torchwood"
	"witan.test/interop/peer"
)

// Every step of a log of x/mod is cosigned, and both torchwood and transparency-dev's formats find
// the cosignature right; the monitoring copy too.
func TestWitnessCosignsGoLog(t *testing.T) {
	t.Parallel()
	w := startWitness(t, "witness.example/go")
	log := newGoLog(t, "log.example/go")
	addLog(t, w, log.vkey, log.signer.Name())
	policy, err := torchwood.ParsePolicy([]byte(
		policyText(log.vkey, [3]string{"w", w.VKey, w.URL})))
	must(t, err)
	other, err := tdnote.NewVerifierForCosignatureV1(w.VKey)
	must(t, err)
	monitoring := fmt.Sprintf("%s/%x/checkpoint", w.URL, sha256.Sum256([]byte(log.signer.Name())))
	if got, err := peer.Get(monitoring); err != nil || got.Status != http.StatusNotFound {
		t.Errorf("before the first cosignature: %+v, %v", got, err)
	}
	sizes := []int64{0, 1, 2, 3, 4, 7, 8, 9, 63, 64, 100, 255, 256, 257, 1000}
	log.grow(t, sizes[len(sizes)-1])
	before := time.Now().Unix()
	for i, size := range sizes {
		last := sizes[max(i, 1)-1]
		checkpoint := log.checkpoint(t, size)
		answer, err := peer.Post(w.URL+"/add-checkpoint", log.request(t, last, size))
		must(t, err)
		if answer.Status != http.StatusOK {
			t.Fatalf("from %d to %d: %d: %s", last, size, answer.Status, answer.Body)
		}
		signed := append([]byte(checkpoint), answer.Body...)
		checkCosigned(t, signed, policy, size, before)
		if opened, err := note.Open(signed, note.VerifierList(other)); err != nil ||
			len(opened.Sigs) != 1 {
			t.Errorf("formats refuse the cosignature of size %d: %v\n%s", size, err, signed)
		}
		copied, err := peer.GetOK(monitoring)
		must(t, err)
		checkCosigned(t, copied, policy, size, before)
	}
	// A rewritten log of the same key.
	fork := &goLog{signer: log.signer, vkey: log.vkey}
	fork.add(t, []byte("another first entry"))
	fork.grow(t, 1200)
	answer, err := peer.Post(w.URL+"/add-checkpoint", fork.request(t, 1000, 1200))
	must(t, err)
	if answer.Status != http.StatusUnprocessableEntity {
		t.Errorf("a rewritten log: %d: %s", answer.Status, answer.Body)
	}
}

func checkCosigned(t *testing.T, signed []byte, policy torchwood.Policy, size, since int64) {
	t.Helper()
	checkpoint, opened, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		t.Fatalf("torchwood refuses: %v\n%s", err, signed)
	}
	if checkpoint.N != size || len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
		t.Errorf("not size %d with two good signatures:\n%s", size, signed)
	}
	for _, line := range opened.Sigs {
		if line.Name == checkpoint.Origin {
			continue
		}
		at, err := torchwood.CosignatureTimestamp(line)
		if err != nil || at < since || at > time.Now().Unix()+1 {
			t.Errorf("the cosignature's time is %d, %v; now it is %d", at, err, time.Now().Unix())
		}
	}
}

// What torchwood's client reads of a node is enough to feed witnesses, Witan's and torchwood's own:
// the checkpoint, and proofs made from tiles.
func TestTorchwoodFeedsFromNode(t *testing.T) {
	t.Parallel()
	n := makeNode(t, nodeOrigin)
	must(t, n.Start())
	w := startWitness(t, "witness.example/fed")
	addLog(t, w, n.VKey, nodeOrigin)
	lite := startLitewitness(t, "witness.example/fed-lite",
		peer.KnownLog{Origin: nodeOrigin, VKey: n.VKey, Root: emptyRoot})
	witnesses := [][3]string{{"witan", w.VKey, w.URL}, {"lite", lite.VKey, lite.URL}}
	policy, err := torchwood.ParsePolicy([]byte(policyText(n.VKey, witnesses...)))
	must(t, err)
	fetcher, err := torchwood.NewTileFetcher(n.URL)
	must(t, err)
	log, err := torchwood.ParsePolicy([]byte("log " + n.VKey + "\nquorum none\n"))
	must(t, err)
	last := int64(0)
	for _, growth := range []int{0, 1, 6} {
		_, err := n.Register(growth)
		must(t, err)
		signed, err := fetcher.ReadEndpoint(t.Context(), "checkpoint")
		must(t, err)
		checkpoint, _, err := torchwood.VerifyCheckpoint(signed, log)
		must(t, err)
		var proof []tlog.Hash
		if last > 0 {
			tiles := torchwood.TileHashReaderWithContext(t.Context(), checkpoint.Tree, fetcher)
			proof, err = tlog.ProveTree(checkpoint.N, last, tiles)
			must(t, err)
		}
		body := request(fmt.Sprint(last), proof, string(signed))
		for _, witness := range witnesses {
			got, err := peer.Post(witness[2]+"/add-checkpoint", body)
			must(t, err)
			if got.Status != http.StatusOK {
				t.Fatalf("%s, from %d to %d: %d: %s", witness[0], last, checkpoint.N, got.Status, got.Body)
			}
			signed = append(signed, got.Body...)
		}
		if _, _, err := torchwood.VerifyCheckpoint(signed, policy); err != nil {
			t.Errorf("torchwood refuses: %v\n%s", err, signed)
		}
		last = checkpoint.N
	}
}
