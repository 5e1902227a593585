package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	tdlog "github.com/transparency-dev/formats/log"
	tdnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"filippo.io/torchwood"
	"witan.test/interop/peer"
)

const nodeOrigin = "log.example/node"

// filled is the node that tests share, with more entries than a tile holds.
var filled struct {
	once       sync.Once
	folder     string
	node       *peer.Node
	statements []peer.Statement
	err        error
}

func filledNode(t *testing.T) (*peer.Node, []peer.Statement) {
	t.Helper()
	filled.once.Do(func() {
		if filled.folder, filled.err = os.MkdirTemp("", "interop"); filled.err != nil {
			return
		}
		filled.node, filled.err = peer.MakeNode(witan, filled.folder, nodeOrigin)
		if filled.err == nil {
			filled.err = filled.node.Start()
		}
		if filled.err == nil {
			filled.statements, filled.err = filled.node.Fill(300)
		}
	})
	must(t, filled.err)
	return filled.node, filled.statements
}

func stopFilledNode() {
	if filled.node != nil && filled.node.Process != nil {
		filled.node.Stop()
	}
	os.RemoveAll(filled.folder)
}

type proofAnswer struct {
	Index    int64    `json:"index"`
	LeafHash string   `json:"leaf_hash"`
	Path     []string `json:"path"`
	Root     string   `json:"root"`
	RootFrom string   `json:"root_from"`
	RootTo   string   `json:"root_to"`
}

func proofOf(t *testing.T, n *peer.Node, query string) (proofAnswer, []tlog.Hash) {
	t.Helper()
	body, err := peer.GetOK(n.URL + "/proof/" + query)
	must(t, err)
	var answer proofAnswer
	must(t, json.Unmarshal(body, &answer))
	var path []tlog.Hash
	for _, text := range answer.Path {
		path = append(path, hashOf(t, text))
	}
	return answer, path
}

func hashOf(t *testing.T, text string) tlog.Hash {
	t.Helper()
	hash, err := tlog.ParseHash(text)
	must(t, err)
	return hash
}

// x/mod/sumdb verifies a node's checkpoint and every proof that it gives.
func TestSumdbVerifiesNode(t *testing.T) {
	t.Parallel()
	n, statements := filledNode(t)
	signed, err := peer.GetOK(n.URL + "/checkpoint")
	must(t, err)
	verifier, err := note.NewVerifier(n.VKey)
	must(t, err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(t, err)
	checkpoint, err := torchwood.ParseCheckpoint(opened.Text)
	must(t, err)
	if checkpoint.Origin != nodeOrigin || checkpoint.N != int64(len(statements))+2 {
		t.Fatalf("an unexpected checkpoint:\n%s", signed)
	}
	for _, statement := range statements {
		answer, path := proofOf(t, n, fmt.Sprintf("inclusion?id=%s&size=%d", statement.ID(),
			checkpoint.N))
		leaf := tlog.RecordHash(statement.Entry[:])
		if leaf.String() != answer.LeafHash {
			t.Errorf("leaf hash %s, not that of the statement, %v", answer.LeafHash, leaf)
		}
		if err := tlog.CheckRecord(path, checkpoint.N, checkpoint.Hash, answer.Index, leaf); err != nil {
			t.Errorf("inclusion of %d: %v", answer.Index, err)
		}
		if err := tlog.CheckRecord(path, checkpoint.N, checkpoint.Hash, answer.Index^1,
			leaf); err == nil {
			t.Errorf("the proof of %d holds for %d, too", answer.Index, answer.Index^1)
		}
	}
	for _, from := range []int64{2, 3, 4, 127, 128, 255, 256, 257, checkpoint.N - 1, checkpoint.N} {
		answer, path := proofOf(t, n, fmt.Sprintf("consistency?from=%d&to=%d", from, checkpoint.N))
		if err := tlog.CheckTree(path, checkpoint.N, checkpoint.Hash, from,
			hashOf(t, answer.RootFrom)); err != nil {
			t.Errorf("from %d to %d: %v", from, checkpoint.N, err)
		}
		if hashOf(t, answer.RootTo) != checkpoint.Hash {
			t.Errorf("another root of %d: %s", checkpoint.N, answer.RootTo)
		}
	}
}

// torchwood's client reads a node's tiles and authenticates every entry; its tlog-proofs hold.
func TestTorchwoodReadsNode(t *testing.T) {
	t.Parallel()
	n, statements := filledNode(t)
	fetcher, err := torchwood.NewTileFetcher(n.URL)
	must(t, err)
	reader, err := torchwood.NewClient(fetcher)
	must(t, err)
	signed, err := fetcher.ReadEndpoint(t.Context(), "checkpoint")
	must(t, err)
	policy, err := torchwood.ParsePolicy([]byte("log " + n.VKey + "\nquorum none\n"))
	must(t, err)
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
	must(t, err)
	entries := map[string]int64{}
	for index, entry := range reader.AllEntries(t.Context(), checkpoint.Tree, 0) {
		entries[string(entry)] = index
	}
	must(t, reader.Err())
	if int64(len(entries)) != checkpoint.N {
		t.Errorf("%d distinct entries in a log of %d", len(entries), checkpoint.N)
	}
	for i, statement := range statements {
		if _, found := entries[string(statement.Entry[:])]; !found {
			t.Errorf("statement %d is not among the entries", i)
		}
	}
	for _, statement := range statements[:3] {
		proof, err := peer.GetOK(n.URL + "/entries/" + statement.ID() + ".tlog-proof")
		must(t, err)
		if err := torchwood.VerifyProof(policy, tlog.RecordHash(statement.Entry[:]),
			proof); err != nil {
			t.Errorf("torchwood refuses a tlog-proof: %v\n%s", err, proof)
		}
		other := tlog.RecordHash([]byte("another entry"))
		if err := torchwood.VerifyProof(policy, other, proof); err == nil {
			t.Errorf("torchwood takes a tlog-proof for another entry:\n%s", proof)
		}
	}
}

func tesseraClient(t *testing.T, n *peer.Node) (*client.HTTPFetcher, note.Verifier) {
	t.Helper()
	address, err := url.Parse(n.URL)
	must(t, err)
	fetcher, err := client.NewHTTPFetcher(address, nil)
	must(t, err)
	verifier, err := tdnote.NewVerifier(n.VKey)
	must(t, err)
	return fetcher, verifier
}

// Tessera's client builds the node's proofs from its tiles.
func TestTesseraClientReadsNode(t *testing.T) {
	t.Parallel()
	n, statements := filledNode(t)
	ctx := t.Context()
	fetcher, verifier := tesseraClient(t, n)
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, nodeOrigin)
	must(t, err)
	builder, err := client.NewProofBuilder(ctx, checkpoint.Size, fetcher.ReadTile)
	must(t, err)
	for index := uint64(0); index < checkpoint.Size; index += 7 {
		theirs, err := builder.InclusionProof(ctx, index)
		must(t, err)
		_, ours := proofOf(t, n, fmt.Sprintf("inclusion?index=%d&size=%d", index, checkpoint.Size))
		checkSamePath(t, fmt.Sprintf("inclusion of %d", index), theirs, ours)
	}
	for from := uint64(2); from < checkpoint.Size; from += 11 {
		theirs, err := builder.ConsistencyProof(ctx, from, checkpoint.Size)
		must(t, err)
		_, ours := proofOf(t, n, fmt.Sprintf("consistency?from=%d&to=%d", from, checkpoint.Size))
		checkSamePath(t, fmt.Sprintf("consistency from %d", from), theirs, ours)
	}
	bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, 1, checkpoint.Size)
	must(t, err)
	entries := map[string]bool{}
	for _, entry := range bundle.Entries {
		entries[string(entry)] = true
	}
	found := 0
	for _, statement := range statements {
		if entries[string(statement.Entry[:])] {
			found++
		}
	}
	if found != len(bundle.Entries) || found != len(statements)+2-256 {
		t.Errorf("of %d entries in the second bundle %d are statements", len(bundle.Entries), found)
	}
}

// Tessera's client follows a node as it grows.
func TestTesseraFollowsNode(t *testing.T) {
	t.Parallel()
	n := makeNode(t, nodeOrigin)
	must(t, n.Start())
	ctx := t.Context()
	fetcher, verifier := tesseraClient(t, n)
	tracker, err := client.NewLogStateTracker(ctx, fetcher.ReadTile, nil, verifier, nodeOrigin,
		client.UnilateralConsensus(fetcher.ReadCheckpoint))
	must(t, err)
	for size := uint64(3); size < 8; size++ {
		_, err := n.Register(1)
		must(t, err)
		_, _, _, err = tracker.Update(ctx)
		must(t, err)
		if got := tracker.Latest().Size; got != size {
			t.Errorf("Tessera follows to size %d, not to %d", got, size)
		}
	}
}

func checkSamePath(t *testing.T, what string, theirs [][]byte, ours []tlog.Hash) {
	t.Helper()
	same := len(theirs) == len(ours)
	for i := 0; same && i < len(ours); i++ {
		same = string(theirs[i]) == string(ours[i][:])
	}
	if !same {
		t.Errorf("%s: Tessera's path has %d hashes and the node's %d, or they differ", what,
			len(theirs), len(ours))
	}
}

// Tessera's fsck, the program and the library, finds a node's log whole, and notices one that is not.
func TestTesseraFsckOfNode(t *testing.T) {
	t.Parallel()
	n, _ := filledNode(t)
	// It wants no newline at the end.
	vkey := write(t, filepath.Join(folder(t), "vkey"), n.VKey)
	printed, err := peer.Run(tool("fsck"), "-ui=false", "-storage_url", n.URL+"/", "-public_key", vkey)
	must(t, err)
	// It ends with 0 whatever it found.
	if !contains(printed, "Successfully fsck'd log with size 302") || contains(printed, "failed") {
		t.Errorf("fsck of a good log printed:\n%s", printed)
	}
	verifier, err := tdnote.NewVerifier(n.VKey)
	must(t, err)
	for _, tampered := range []string{"", "tile/entries/000", "tile/entries/001.p/46", "tile/0/000",
		"tile/0/001.p/46", "tile/1/000.p/1"} {
		source := &tampering{url: n.URL, path: tampered}
		err := fsck.New(nodeOrigin, verifier, source, leafHashes, fsck.Opts{N: 2}).Check(t.Context())
		if (err == nil) != (tampered == "") {
			t.Errorf("with %q changed, fsck says: %v", tampered, err)
		}
	}
}

// A Go log whose entries are statements: Witan verifies its checkpoint and torchwood's tlog-proofs.
func TestWitanVerifiesGoProofs(t *testing.T) {
	t.Parallel()
	n := makeNode(t, "log.example/unused")
	log := newGoLog(t, "log.example/proofs")
	var statements []peer.Statement
	for range 9 {
		statement, err := n.Sign()
		must(t, err)
		statements = append(statements, statement)
		log.add(t, statement.Entry[:])
	}
	verify := func(statement peer.Statement, proof string) error {
		_, err := peer.Run(witan, "verify", "--statement", statement.File, "--receipt", proof,
			"--log-key", log.vkey, "--issuer-key", n.IssuerKey()+".pub")
		return err
	}
	signed := []byte(log.checkpoint(t, int64(len(statements))))
	for i, statement := range statements {
		path, err := tlog.ProveRecord(int64(len(statements)), int64(i), log.reader())
		must(t, err)
		proof := write(t, filepath.Join(folder(t), "proof.tlog-proof"),
			string(torchwood.FormatProof(int64(i), path, signed)))
		if err := verify(statement, proof); err != nil {
			t.Errorf("Witan refuses a proof of Go: %v", err)
		}
		if err := verify(statements[(i+1)%len(statements)], proof); err == nil {
			t.Errorf("Witan takes the proof of %d for another statement", i)
		}
	}
}

// A checkpoint of Tessera's format package is the same text as a node's.
func TestNodeCheckpointText(t *testing.T) {
	t.Parallel()
	n := makeNode(t, nodeOrigin)
	must(t, n.Start())
	signed, err := peer.GetOK(n.URL + "/checkpoint")
	must(t, err)
	verifier, err := tdnote.NewVerifier(n.VKey)
	must(t, err)
	checkpoint, rest, opened, err := tdlog.ParseCheckpoint(signed, nodeOrigin, verifier)
	must(t, err)
	if len(rest) != 0 || string(checkpoint.Marshal()) != opened.Text {
		t.Errorf("formats write %q, with %q besides; the node %q", checkpoint.Marshal(), rest,
			base64.StdEncoding.EncodeToString([]byte(opened.Text)))
	}
}
