/* Thread id -> slot index: open addressing in which keys never move and a removed key leaves an empty cell (no tombstones).
   Each home cell has one word {count, bound}: how many of its keys sit elsewhere (displaced), and how far a look-up must probe.
   Displaced insert: raise count and bound in one step, then place the key; after a lost race for the cell, raise the bound again.
   Remove: empty the cell, then lower the count; the step that brings it to 0 resets the bound, so misses become cheap again.
   All keys share home cell 0, the worst case. Key 3 is inserted once and stays; keys 1 and 2 come and go.
   Claim: a look-up that begins after the insert returned finds the key, for as long as the key stays.
   Must fail:
     -DNOBOUND    a look-up stops at the first empty cell, as with tombstones: a removed key hides those behind it
     -DRESETANY   every removal of a displaced key resets the bound, without regard to the count: hides the keys that stay
     -DSPLITRESET count to 0 and the reset of the bound are two steps: an insert between them loses its bound
     -DSPLITRAISE the bound is raised before the count, in a step of its own: a removal between them resets it
     -DEARLYRETURN insert returns when the key is placed, before count and bound are raised
   Must pass, for the record:
     -DRAISELATE  count and bound are raised after the key was placed but before the insert returns. Look-ups do not need
                  the raise to come first; a key that is in the table but cannot be reached (its inserter died) does  */
#define M 3
#define NKEYS 4
byte cell[M];
byte count = 0, bound = 0;      /* home cell 0's word: one atomic step changes both */
bool inserted[NKEYS];

/* Covers distance d, and this key unless it is counted already. */
inline raise(d) {
#ifdef SPLITRAISE
  atomic { if :: d > bound -> bound = d :: else fi };
  if :: !counted -> count++ :: else fi;
#else
  atomic { if :: !counted -> count++ :: else fi; if :: d > bound -> bound = d :: else fi };
#endif
  counted = 1
}
inline lower() {
#ifdef RESETANY
  atomic { count--; bound = 0 }
#else
#ifdef SPLITRESET
  atomic { count--; zero = (count == 0) };
  if :: zero -> bound = 0 :: else fi
#else
  atomic { count--; if :: count == 0 -> bound = 0 :: else fi }
#endif
#endif
}
inline place(d, id) { atomic { ok = (cell[d] == 0); if :: ok -> cell[d] = id :: else fi } }
/* One pass over the table. That it always finds a cell is claimed for this size of the model, and asserted. */
inline insert(id) {
  d = 0; ok = 0; counted = 0;
  do
  :: ok -> break
  :: !ok ->
     assert(d < M);
     if
     :: cell[d] != 0 -> d++
     :: else ->
#if defined(RAISELATE) || defined(EARLYRETURN)
        place(d, id);
#ifdef EARLYRETURN
        if :: ok -> inserted[id] = 1 :: else fi;
#endif
        if :: ok && d > 0 -> raise(d) :: !ok -> d++ :: else fi
#else
        if :: d > 0 -> raise(d) :: else fi;
        place(d, id);
        if :: !ok -> d++ :: else fi
#endif
     fi
  od;
  inserted[id] = 1
}
inline remove(id) {
  inserted[id] = 0;
  cell[d] = 0;
  if :: d > 0 -> lower() :: else fi
}
inline lookup(id) {
  b = bound; i = 0; hit = 0;
  do
  :: i <= b && i < M ->
     if
     :: cell[i] == id -> hit = 1; break
#ifdef NOBOUND
     :: cell[i] == 0 -> break
#endif
     :: else -> i++
     fi
  :: else -> break
  od
}
proctype Passing(byte id) { byte n = 0, d, i, b; bool ok, zero, counted, hit;
  do
  :: n < 2 -> n++; insert(id); lookup(id); assert(hit); remove(id)
  :: else -> break
  od }
proctype Staying() { byte d; bool ok, zero, counted; insert(3) }
proctype Finder() { byte n = 0, i, b; bool hit;
  inserted[3];
  do
  :: n < 2 -> n++; lookup(3); assert(hit)
  :: else -> break
  od }
init {
  atomic { run Passing(1); run Passing(2); run Staying(); run Finder() };
  (_nr_pr == 1);
  /* only key 3 is left: its share of the word, and nothing else */
  assert(cell[0] == 3 -> (count == 0 && bound == 0) : (count == 1 && bound > 0))
}
