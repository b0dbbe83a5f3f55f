import { testPlanted } from './plant.ts'

testPlanted(5)
