// Command verify checks a Charter ledger with other people's code: the signed-note and transparency-log packages of the
// Go checksum database (golang.org/x/mod/sumdb/note and tlog, as Debian ships them). It knows nothing of Charter but the
// file layout of C2SP tlog-tiles.
//
//	verify -vkey KEY [-older CHECKPOINT-FILE] [-samples N] FOLDER-OR-URL
//
// With CHARTER_KEY set, requests to a URL carry it as a bearer credential. Prints PASS or FAIL and exits 0 or 1.
//
// Built without modules: GO111MODULE=off GOPATH=/usr/share/gocode go build verify.go
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight     = 8
	tileWidth      = 1 << tileHeight
	maxObjectBytes = tileWidth*(2+65535) + 1
)

// errMissing says that the log has no such object.
var errMissing = errors.New("missing")

// A log is read by paths below its prefix.
type log struct {
	prefix string
	bearer string
	client *http.Client
}

func (l *log) read(path string) ([]byte, error) {
	if !strings.HasPrefix(l.prefix, "http://") && !strings.HasPrefix(l.prefix, "https://") {
		data, err := os.ReadFile(filepath.Join(l.prefix, filepath.FromSlash(path)))
		if os.IsNotExist(err) {
			return nil, errMissing
		}
		return data, err
	}
	request, err := http.NewRequest("GET", strings.TrimSuffix(l.prefix, "/")+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if l.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+l.bearer)
	}
	response, err := l.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == 404 {
		return nil, errMissing
	}
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxObjectBytes))
}

// object reads a tile or bundle; a partial one may have been replaced by the full one, which begins with the same bytes.
func (l *log) object(level string, n int64, width int) ([]byte, bool, error) {
	full := "tile/" + level + "/" + indexPath(n)
	if width < tileWidth {
		data, err := l.read(full + ".p/" + strconv.Itoa(width))
		if !errors.Is(err, errMissing) {
			return data, false, err
		}
	}
	data, err := l.read(full)
	if err != nil {
		return nil, false, fmt.Errorf("%s of width %d: %w", full, width, err)
	}
	return data, width < tileWidth, nil
}

// indexPath spells a tile index in groups of three digits, as the checksum database does, too.
func indexPath(n int64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	return path
}

// tiles lets tlog read hash tiles. Its own paths would be tile/8/<level>/..., C2SP leaves the height out.
type tiles struct{ log *log }

func (t tiles) Height() int                     { return tileHeight }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, 0, len(wanted))
	for _, tile := range wanted {
		data, standIn, err := t.log.object(strconv.Itoa(tile.L), tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		if standIn && len(data) > tile.W*tlog.HashSize {
			data = data[:tile.W*tlog.HashSize]
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("tile of level %d number %d has %d bytes", tile.L, tile.N, len(data))
		}
		all = append(all, data)
	}
	return all, nil
}

// openTree reads the tree head of a note that must carry the key's signature.
func openTree(message []byte, verifier note.Verifier) (tlog.Tree, error) {
	signed, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.SplitN(signed.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("checkpoint: not a tree head of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, errors.New("checkpoint: malformed size")
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, errors.New("checkpoint: malformed root")
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, nil
}

// entries hashes every entry of every bundle into the stored hashes of a whole tree, computed here from nothing else.
func entries(l *log, size int64) ([]tlog.Hash, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) { return pick(stored, indexes) })
	for first := int64(0); first < size; first += tileWidth {
		width := tileWidth
		if size-first < tileWidth {
			width = int(size - first)
		}
		data, standIn, err := l.object("entries", first/tileWidth, width)
		if err != nil {
			return nil, fmt.Errorf("entry %d: bundle %w", first, err)
		}
		for i := int64(0); i < int64(width); i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("entry %d: the bundle ends early", first+i)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			hashes, err := tlog.StoredHashesForRecordHash(first+i, tlog.RecordHash(data[2:end]), reader)
			if err != nil {
				return nil, err
			}
			stored = append(stored, hashes...)
			data = data[end:]
		}
		if len(data) > 0 && !standIn {
			return nil, fmt.Errorf("entry %d: the bundle goes on after its last entry", first)
		}
	}
	return stored, nil
}

func pick(stored []tlog.Hash, indexes []int64) ([]tlog.Hash, error) {
	picked := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(stored)) {
			return nil, fmt.Errorf("no stored hash %d", index)
		}
		picked[i] = stored[index]
	}
	return picked, nil
}

// allTiles lists the tiles of a tree: the full ones and at most one partial one for each level.
func allTiles(size int64) []tlog.Tile {
	var all []tlog.Tile
	for level, hashes := 0, size; hashes > 0; level, hashes = level+1, hashes>>tileHeight {
		for n := int64(0); n<<tileHeight < hashes; n++ {
			width := hashes - n<<tileHeight
			if width > tileWidth {
				width = tileWidth
			}
			all = append(all, tlog.Tile{H: tileHeight, L: level, N: n, W: int(width)})
		}
	}
	return all
}

// checkTiles compares every published tile, at every level, with the one computed from the entries.
func checkTiles(l *log, size int64, computed tlog.HashReader) (int, error) {
	wanted := allTiles(size)
	for _, tile := range wanted {
		want, err := tlog.ReadTileData(tile, computed)
		if err != nil {
			return 0, err
		}
		got, err := tiles{l}.ReadTiles([]tlog.Tile{tile})
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(want, got[0]) {
			return 0, fmt.Errorf("tile of level %d number %d does not match the entries", tile.L, tile.N)
		}
	}
	return len(wanted), nil
}

// checkProofs proves sampled entries, the first and the last from the published tiles alone.
func checkProofs(tree tlog.Tree, published, computed tlog.HashReader, samples int64) (int, error) {
	step := tree.N/(samples+1) + 1
	proven := 0
	for n := int64(0); n < tree.N; n += step {
		for _, index := range []int64{n, tree.N - 1 - n} {
			leaf, err := computed.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return 0, err
			}
			proof, err := tlog.ProveRecord(tree.N, index, published)
			if err != nil {
				return 0, fmt.Errorf("entry %d: %w", index, err)
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf[0]); err != nil {
				return 0, fmt.Errorf("entry %d: %w", index, err)
			}
			proven++
		}
	}
	return proven, nil
}

// checkConsistency proves that an older tree is the beginning of this one.
func checkConsistency(tree, older tlog.Tree, published tlog.HashReader) error {
	if older.N > tree.N {
		return fmt.Errorf("the older checkpoint has %d entries, the log has %d", older.N, tree.N)
	}
	if older.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, older.N, published)
	if err != nil {
		return fmt.Errorf("consistency from %d: %w", older.N, err)
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash); err != nil {
		return fmt.Errorf("consistency from %d: %w", older.N, err)
	}
	return nil
}

// olderTrees gives the older checkpoint, when there is one, and three older sizes with roots computed from the entries.
func olderTrees(tree tlog.Tree, file string, verifier note.Verifier, computed tlog.HashReader) ([]tlog.Tree, error) {
	var older []tlog.Tree
	if file != "" {
		message, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		head, err := openTree(message, verifier)
		if err != nil {
			return nil, fmt.Errorf("older %w", err)
		}
		older = append(older, head)
	}
	for _, size := range []int64{1, tree.N / 2, tree.N - 1} {
		if size < 1 || size > tree.N {
			continue
		}
		root, err := tlog.TreeHash(size, computed)
		if err != nil {
			return nil, err
		}
		older = append(older, tlog.Tree{N: size, Hash: root})
	}
	return older, nil
}

func verify(l *log, vkey, olderFile string, samples int64) (string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", err
	}
	message, err := l.read("checkpoint")
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	tree, err := openTree(message, verifier)
	if err != nil {
		return "", err
	}
	stored, err := entries(l, tree.N)
	if err != nil {
		return "", err
	}
	computed := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) { return pick(stored, indexes) })
	root := tlog.Hash(sha256.Sum256(nil))
	if tree.N > 0 {
		root, err = tlog.TreeHash(tree.N, computed)
	}
	if err != nil {
		return "", err
	}
	if root != tree.Hash {
		return "", errors.New("the entries do not have the signed root")
	}
	count, err := checkTiles(l, tree.N, computed)
	if err != nil {
		return "", err
	}
	published := tlog.TileHashReader(tree, tiles{l})
	proven, err := checkProofs(tree, published, computed, samples)
	if err != nil {
		return "", err
	}
	older, err := olderTrees(tree, olderFile, verifier, computed)
	if err != nil {
		return "", err
	}
	for _, head := range older {
		if err := checkConsistency(tree, head, published); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d entries, %d tiles, %d inclusion proofs, %d consistency proofs", tree.N, count, proven, len(older)), nil
}

func main() {
	vkey := flag.String("vkey", "", "verifier key of the log")
	older := flag.String("older", "", "file with an older checkpoint of the same log")
	samples := flag.Int64("samples", 50, "about how many entries to prove from each end")
	flag.Parse()
	if flag.NArg() != 1 || *vkey == "" {
		fmt.Fprintln(os.Stderr, "usage: verify -vkey KEY [-older FILE] [-samples N] FOLDER-OR-URL")
		os.Exit(2)
	}
	client := &http.Client{Timeout: time.Minute}
	l := &log{prefix: flag.Arg(0), bearer: os.Getenv("CHARTER_KEY"), client: client}
	found, err := verify(l, *vkey, *older, *samples)
	if err != nil {
		fmt.Println("FAIL", err)
		os.Exit(1)
	}
	fmt.Println("PASS", found)
}
