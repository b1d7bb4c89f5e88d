/** A short, quiet sound, made here: nothing is loaded for it. */

export function chime(): void {
  try {
    const audio = new AudioContext();
    const volume = audio.createGain();
    volume.connect(audio.destination);
    volume.gain.setValueAtTime(0.0001, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.08, audio.currentTime + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.5);
    for (const [at, pitch] of [[0, 660], [0.14, 880]] as const) {
      const tone = audio.createOscillator();
      tone.frequency.value = pitch;
      tone.connect(volume);
      tone.start(audio.currentTime + at);
      tone.stop(audio.currentTime + 0.5);
    }
    setTimeout(() => audio.close(), 1000);
  } catch {
    // A browser may have no sound, or allow none before the first click.
  }
}
