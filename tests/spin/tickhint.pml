/* The hint of the next deadline, with tickers that look at all slots at once. arm = store the deadline, then lower the hint.
   tick = if the hint is not due return; hint = a round of a number that no other has; scan; if that still stands there, hint = the soonest that was
   found, else nothing. A round is due for every other ticker, and who arms meanwhile leaves "due" in its place: somebody begins anew.
   One ticker may be stopped for ever at any step; the other's next two looks expire everything all the same.
   Must fail:
     -DSCANFIRST  the hint stays as it is until the scan is over: a deadline armed meanwhile is lost
     -DNEVER      the hint says "never" during the scan: a ticker that is stopped there hides every deadline
     -DKEEP       who arms leaves a round as it is: a deadline that the scan has missed is overwritten by what it found
     -DSAME       rounds have one number: a ticker ends the round of another, whose arm it missed */
#define N 2
#define FAR 12
#define ROUND 100
byte hint=FAR; byte rounds=0; byte dl[N]=FAR; byte now=0; bool fired[N]; byte ended=0;

/* a round is due: 0 */
inline arm(x) {
  atomic {
    if :: hint>=ROUND ->
#ifdef KEEP
            skip
#else
            hint=0
#endif
       :: else -> if :: x<hint -> hint=x :: else fi
    fi } }

proctype Arm(byte i) { byte d; d=now+1; dl[i]=d; arm(d); ended++ }

proctype Clock() { do :: now<3 -> now++ :: else -> break od; ended++ }

/* by its own reading of the clock, which may be old by now */
inline tick() {
  t=now;
  begun=(hint>=ROUND || t>=hint);
  if :: begun ->
#if defined(NEVER)
        hint=FAR;
#elif defined(SAME)
        mine=ROUND; hint=mine;
#elif !defined(SCANFIRST)
        /* the number is nobody else's, so taking it and storing it may be one step */
        d_step { mine=ROUND+rounds; rounds++; hint=mine };
#endif
        m=FAR; i=0;
        do :: i<N -> x=dl[i];
                 if :: x!=FAR && t>=x -> fired[i]=1; dl[i]=FAR
                    :: x!=FAR && t<x && x<m -> m=x
                    :: else fi; i++
           :: else -> break od;
#ifdef SCANFIRST
        hint=m
#elif defined(NEVER)
        arm(m)
#else
        atomic { if :: hint==mine -> hint=m :: else fi }
#endif
     :: else fi }

/* nobody waits for its end: it may stand still anywhere */
proctype Stopped() { byte i,x,m,t,mine; bool begun; tick() }

proctype Ticker() { byte i,x,m,t,mine; bool begun; tick(); ended++ }

init { byte i,x,m,t,mine; bool begun;
  atomic { run Arm(0); run Arm(1); run Clock(); run Stopped(); run Ticker() }
  ended==4;
  now=8; tick(); now=9; tick();
  assert(fired[0] && fired[1]) }
